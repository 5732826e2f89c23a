import factory

from apps.dunning_emails.models import (
    BouncedAddress,
    CheckoutVisit,
    EmailSettings,
    Mail,
    MailTemplate,
    PaymentLink,
)
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import SUNDAY_NOON, CaseFactory


class PaymentLinkFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = PaymentLink

    case = factory.SubFactory(CaseFactory)
    merchant = factory.SelfAttribute("case.merchant")
    token_hash = factory.Sequence(lambda n: f"{n:064}")
    created_at = SUNDAY_NOON


class CheckoutVisitFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = CheckoutVisit

    link = factory.SubFactory(PaymentLinkFactory)
    opened_at = SUNDAY_NOON
    look_at = SUNDAY_NOON


class EmailSettingsFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = EmailSettings

    merchant = factory.SubFactory(MerchantFactory)
    updated_at = SUNDAY_NOON


class MailTemplateFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = MailTemplate

    merchant = factory.SubFactory(MerchantFactory)
    kind = "failed_1"


class MailFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Mail

    case = factory.SubFactory(CaseFactory, stripe_customer_id="cus_1")
    merchant = factory.SelfAttribute("case.merchant")
    about = factory.LazyAttribute(lambda mail: f"case:{mail.case.pk}")
    step = "failed_1"
    kind = "failed_1"
    person = "cus_1"
    due_at = SUNDAY_NOON


class BouncedAddressFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = BouncedAddress

    merchant = factory.SubFactory(MerchantFactory)
    email = "sofia@example.com"
    reason = "bounced"
    at = SUNDAY_NOON
