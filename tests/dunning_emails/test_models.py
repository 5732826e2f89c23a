"""What the database itself refuses."""

import pytest
from django.db import IntegrityError

from apps.dunning_emails.models import Mail
from tests.dunning_emails.factories import (
    BouncedAddressFactory,
    CheckoutVisitFactory,
    EmailSettingsFactory,
    MailFactory,
    MailTemplateFactory,
    PaymentLinkFactory,
)
from tests.recovery.factories import SUNDAY_NOON

pytestmark = pytest.mark.django_db


def test_a_mail_about_one_step_exists_once_for_one_person():
    mail = MailFactory()

    with pytest.raises(IntegrityError, match="mail_once"):
        MailFactory(case=mail.case)


@pytest.mark.parametrize(
    "given",
    [
        {"status": "sent"},
        {"status": "unknown"},
        {"status": "scheduled", "sent_at": SUNDAY_NOON},
        {"status": "dropped", "sent_at": SUNDAY_NOON},
    ],
)
def test_a_mail_that_left_has_a_time_and_no_other(given):
    with pytest.raises(IntegrityError, match="mail_sent_at_iff_gone"):
        MailFactory(**given)


def test_a_bundled_mail_names_the_one_that_went():
    with pytest.raises(IntegrityError, match="mail_bundle_iff_bundled"):
        MailFactory(status="bundled")


def test_only_a_bundled_mail_names_another():
    with pytest.raises(IntegrityError, match="mail_bundle_iff_bundled"):
        MailFactory(bundle=MailFactory())


def test_a_token_belongs_to_one_link():
    link = PaymentLinkFactory()

    with pytest.raises(IntegrityError, match="token_hash"):
        PaymentLinkFactory(token_hash=link.token_hash)


def test_a_session_belongs_to_one_visit():
    CheckoutVisitFactory(stripe_session_id="cs_1")

    with pytest.raises(IntegrityError, match="visit_unique_session"):
        CheckoutVisitFactory(stripe_session_id="cs_1")


@pytest.mark.parametrize(
    "given",
    [
        {"status": "abandoned"},
        {"status": "open", "settled_at": SUNDAY_NOON},
        {"status": "used", "stripe_payment_method_id": "pm_1"},
    ],
)
def test_a_settled_visit_has_a_time_and_an_open_one_none(given):
    with pytest.raises(IntegrityError, match="visit_settled_at_iff_settled"):
        CheckoutVisitFactory(**given)


@pytest.mark.parametrize(
    "given", [{"status": "entered"}, {"status": "open", "stripe_payment_method_id": "pm_1"}]
)
def test_only_what_was_entered_names_a_method(given):
    with pytest.raises(IntegrityError, match="visit_method_iff_entered"):
        CheckoutVisitFactory(**given)


def test_a_merchant_words_a_kind_once():
    template = MailTemplateFactory()

    with pytest.raises(IntegrityError, match="mail_template_unique_kind"):
        MailTemplateFactory(merchant=template.merchant)


def test_an_own_link_must_be_given():
    with pytest.raises(IntegrityError, match="email_own_link_given"):
        EmailSettingsFactory(link_target="own")


def test_quiet_hours_are_hours():
    with pytest.raises(IntegrityError, match="email_quiet_hours"):
        EmailSettingsFactory(quiet_from=24)


def test_an_address_bounces_once_for_a_merchant():
    bounced = BouncedAddressFactory()

    with pytest.raises(IntegrityError, match="bounced_unique_address"):
        BouncedAddressFactory(merchant=bounced.merchant)


def test_querysets_stay_with_their_merchant():
    mine, other = MailFactory(), MailFactory()

    assert list(Mail.objects.for_merchant(mine.merchant)) == [mine]
    assert other.merchant != mine.merchant
