import datetime as dt
import uuid

import factory
from django.utils import timezone

from apps.exports.models import Export
from tests.accounts.factories import MerchantFactory, UserFactory
from tests.transactions.factories import SUNDAY_NOON


class ExportFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Export

    merchant = factory.SubFactory(MerchantFactory)
    user = factory.SubFactory(UserFactory)
    asked_by = factory.SelfAttribute("user.email")
    key = factory.LazyFunction(uuid.uuid4)
    source = "transactions"
    filters = "All"
    columns = ("invoice", "amount")
    zone = "America/New_York"
    file_name = "transactions-2026-11-22.csv"
    link = "https://recoup.example/exports/1/"
    rows_expected = 0
    asked_at = SUNDAY_NOON

    class Params:
        running = factory.Trait(
            status=Export.Status.RUNNING,
            run=1,
            started_at=SUNDAY_NOON,
            lease_until=factory.LazyFunction(timezone.now),
        )
        ready = factory.Trait(
            status=Export.Status.READY,
            run=1,
            finished_at=SUNDAY_NOON,
            expires_at=SUNDAY_NOON + dt.timedelta(days=7),
        )
        failed = factory.Trait(
            status=Export.Status.FAILED,
            failure="The export stopped at row 3,200.",
            finished_at=SUNDAY_NOON,
        )
