import pytest
from django.urls import reverse

from apps.accounts.models import Role
from tests.accounts.factories import MembershipFactory, MerchantFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = "/sales/transactions/"


@pytest.fixture
def two_merchants():
    """One person with a role at two merchants, A before B in the alphabet."""
    user = UserFactory()
    first = MembershipFactory(user=user, merchant__name="Amber", role=Role.VIEWER)
    second = MembershipFactory(user=user, merchant__name="Birch", role=Role.OWNER)
    return user, first.merchant, second.merchant


def test_roles_are_ordered():
    assert Role.OWNER.covers(Role.VIEWER)
    assert Role.SUPPORT.covers(Role.SUPPORT)
    assert not Role.SUPPORT.covers(Role.ADMIN)


def test_the_merchant_is_the_first_by_name_until_another_is_chosen(client, two_merchants):
    user, amber, birch = two_merchants
    client.force_login(user)
    assert client.get(LIST).wsgi_request.merchant == amber

    response = client.post(reverse("switch_merchant"), {"merchant": birch.pk})

    assert response.status_code == 302
    request = client.get(LIST).wsgi_request
    assert (request.merchant, request.role) == (birch, Role.OWNER)


def test_nobody_switches_to_a_merchant_of_others(client, two_merchants):
    user, amber, _ = two_merchants
    client.force_login(user)

    response = client.post(reverse("switch_merchant"), {"merchant": MerchantFactory().pk})

    assert response.status_code == 404
    assert client.get(LIST).wsgi_request.merchant == amber


def test_a_choice_that_is_no_number_is_refused(client, two_merchants):
    client.force_login(two_merchants[0])

    assert client.post(reverse("switch_merchant"), {"merchant": "x"}).status_code == 400


def test_losing_the_role_at_the_chosen_merchant_leaves_the_other(client, two_merchants):
    user, amber, birch = two_merchants
    client.force_login(user)
    client.post(reverse("switch_merchant"), {"merchant": birch.pk})
    birch.memberships.all().delete()

    assert client.get(LIST).wsgi_request.merchant == amber


def test_the_switcher_is_there_only_for_a_choice(client, two_merchants):
    user, _, birch = two_merchants
    client.force_login(user)
    assert reverse("switch_merchant") in client.get(LIST).content.decode()

    birch.memberships.all().delete()

    assert reverse("switch_merchant") not in client.get(LIST).content.decode()


def test_htmx_is_sent_to_sign_in_as_a_whole_page(client):
    response = client.get(
        LIST, headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{LIST}?q=a"}
    )

    assert response.headers["HX-Redirect"] == f"/login/?next={LIST}%3Fq%3Da"


def test_pages_are_stored_nowhere(client):
    client.force_login(MembershipFactory().user)

    response = client.get(LIST)

    assert "no-store" in response.headers["Cache-Control"]
    assert {"HX-Request", "Cookie"} <= {
        name.strip() for name in response.headers["Vary"].split(",")
    }


def test_public_pages_ask_the_database_nothing(client, django_assert_num_queries):
    for path in ("/login/", "/password-reset/", "/nowhere/"):
        with django_assert_num_queries(0):
            client.get(path)
