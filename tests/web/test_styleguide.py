"""The style guide: only while DEBUG is on, and every kind of badge is on it."""

import re

import pytest
from django.urls import NoReverseMatch, path, reverse

from apps.web.badges import BADGES
from apps.web.views import styleguide
from config import urls
from tests.accounts.factories import MembershipFactory

pytestmark = pytest.mark.django_db

urlpatterns = [path("styleguide/", styleguide, name="styleguide"), *urls.urlpatterns]


def test_it_is_not_there_without_debug(client):
    with pytest.raises(NoReverseMatch):
        reverse("styleguide")
    assert client.get("/styleguide/").status_code == 404


@pytest.mark.urls("tests.web.test_styleguide")
def test_every_badge_stands_on_it(client):
    client.force_login(MembershipFactory().user)

    page = client.get("/styleguide/").content.decode()

    for looks in BADGES.values():
        for look in looks.values():
            assert str(look.word) in page
    assert page.count("<h1") == 1


@pytest.mark.urls("tests.web.test_styleguide")
def test_charts_steps_a_calendar_and_the_bulk_bar_stand_on_it_in_their_states(client):
    client.force_login(MembershipFactory().user)

    page = client.get("/styleguide/").content.decode()

    for kind in ("columns", "lines", "rows", "heat", "rows-empty"):
        assert f'id="sg-chart-{kind}"' in page
    assert "Nothing to show for this period." in page
    assert "Ensure this value is less than or equal to 30." in page, "a step with an error"
    assert 'class="bulk-bar"' in page
    assert " today" in page
    assert "3 emails" in page
    assert len(re.findall(r'\bid="([^"]+)"', page)) == len(set(re.findall(r'\bid="([^"]+)"', page)))
