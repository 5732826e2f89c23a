import pytest
from django.urls import reverse

URL = reverse("set_theme")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_is_remembered_and_rendered_by_the_server(client, theme):
    response = client.post(URL, {"theme": theme, "next": "/login/"})

    assert response["Location"] == "/login/"
    assert response.cookies["theme"]["httponly"]
    assert f'<html lang="en" data-theme="{theme}">' in client.get("/login/").content.decode()


def test_the_systems_theme_is_the_default(client):
    client.post(URL, {"theme": "dark"})
    client.post(URL, {"theme": "system"})

    assert '<html lang="en">' in client.get("/login/").content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "\\\\evil"])
def test_it_leads_nowhere_else(client, elsewhere):
    assert client.post(URL, {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_only_themes_there_are(client):
    assert client.post(URL, {"theme": "pink"}).status_code == 400
    assert client.get(URL).status_code == 405


def test_a_cookie_made_up_changes_nothing(client):
    client.cookies["theme"] = '"><script>'

    assert '<html lang="en">' in client.get("/login/").content.decode()
