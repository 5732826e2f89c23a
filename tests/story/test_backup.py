"""The customer's other saved card: off by default, charged once, never made the default."""

from dataclasses import replace

from apps.dunning.presets import RECOMMENDED
from apps.dunning_emails.composing import case_values
from apps.dunning_emails.facts import customer_of, settings_of
from apps.recovery.models import Try
from apps.recovery.queries.checks import stored_facts
from sandbox import cards
from tests.story.world import DAY


def sold_with_another_card(world):
    """The first card paid the first month; the second one is charged now, and declines."""
    sold = world.subscribe()
    first = world.ask("GET", f"/v1/customers/{sold['customer']}")["invoice_settings"]
    world.sandbox.replace_card(sold["customer"], behaviour=cards.declines("insufficient_funds"))
    world.settle_down()
    return sold, first["default_payment_method"]


def test_it_is_charged_once_at_the_chosen_step_and_not_made_the_default(world):
    world.choose(rules=replace(RECOMMENDED, backup_after=1))
    sold, backup = sold_with_another_card(world)
    usual = world.ask("GET", f"/v1/customers/{sold['customer']}")["invoice_settings"]
    world.until_the_renewal_failed()
    world.advance(4 * DAY)

    case = world.case
    assert case.status == "recovered"
    paid = case.attempts.get(status="succeeded")
    assert (paid.trigger, paid.stripe_payment_method_id) == ("backup", backup)
    assert case.retries_made == 1, "the backup spends no step"
    [charge] = world.charges(case.stripe_invoice_id)
    assert charge["payment_method"] == backup
    now = world.ask("GET", f"/v1/customers/{sold['customer']}")["invoice_settings"]
    assert now == usual
    card = charge["payment_method_details"]["card"]
    name = f"{card['brand'].capitalize()} •••• {card['last4']}"
    assert f"with the backup card {name}" in case.events.get(kind="recovered").text
    books = world.sandbox.books(world.account)
    on_file = books.get("payment_method", backup)["card"]["fingerprint"]
    assert Try.objects.get(attempt=paid).fingerprint == on_file, "its budget is counted"
    values = case_values(
        cases=[case],
        customer=customer_of(case),
        facts=stored_facts(case=case, now=world.now),
        settings=settings_of(case.merchant),
        now=world.now,
    )
    assert name in values["backup"]


def test_a_backup_that_fails_is_not_tried_again(world):
    world.choose(rules=replace(RECOMMENDED, backup_after=1))
    _, backup = sold_with_another_card(world)
    world.sandbox.set_behaviour(backup, cards.declines("insufficient_funds"))
    world.until_the_renewal_failed()
    world.advance(12 * DAY)

    assert world.case.attempts.filter(trigger="backup").count() == 1
    assert world.case.attempts.filter(trigger="schedule", status="declined").count() >= 2


def test_it_is_off_by_default(world):
    world.choose()
    sold_with_another_card(world)
    world.until_the_renewal_failed()
    world.advance(6 * DAY)

    assert not world.case.attempts.filter(trigger="backup").exists()
