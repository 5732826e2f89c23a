import datetime as dt
import re
from dataclasses import replace
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.customers.models import Customer, PaymentMethod
from apps.dunning.facts import Decline
from apps.recovery import extras, tasks
from apps.recovery.extras import CaseAction, PlannedStep
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.services import observe_invoice, run_attempt
from apps.stripe_gateway.errors import PaymentDeclined
from tests.accounts.factories import MembershipFactory
from tests.recovery.builders import DAY, FAILED_AT, HOUR, NO_FUNDS, VISA, failed_try
from tests.recovery.factories import CaseFactory, TryFactory

pytestmark = pytest.mark.django_db

LIST = reverse("recovery:list")
NOW = FAILED_AT + 3 * DAY
KEY = "0c4d9f0e-8c0f-4a9b-9f6e-0d7c1b2a3f4e"
LOST_CARD = Decline(code="card_declined", decline_code="lost_card")


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def woken(monkeypatch) -> list[int]:
    """The attempts handed to a worker."""
    asked: list[int] = []
    monkeypatch.setattr(
        tasks.carry_out,
        "apply_async",
        lambda *, kwargs, retry: asked.append(kwargs["attempt_id"]),
    )
    return asked


@pytest.fixture
def sign_in(client, merchant):
    def as_(role):
        membership = MembershipFactory(merchant=merchant, role=role)
        client.force_login(membership.user)
        return membership.user

    return as_


@pytest.fixture
def owner(sign_in):
    return sign_in(Role.OWNER)


def failed(merchant, stripe, decline=NO_FUNDS, at=FAILED_AT) -> RecoveryCase:
    stripe.invoice = replace(stripe.invoice, tries=(failed_try(at=at, decline=decline),))
    Customer.objects.create(
        merchant=merchant,
        stripe_customer_id="cus_1",
        name="Sofia Rossi",
        email="sofia@example.com",
        read_at=at,
    )
    case = observe_invoice(merchant=merchant, invoice=stripe.invoice, now=at)
    assert case is not None
    return case


def retried(case, stripe, answer=None) -> RecoveryCase:
    """Carry out the planned attempt: declined, unless an answer is given."""
    attempt = case.attempts.get(status="scheduled")
    stripe.now = attempt.due_at
    declined = PaymentDeclined(
        decline=NO_FUNDS, charge_id="ch_again", payment_intent_id="pi_1", method=VISA
    )
    stripe.answers = [answer or declined]
    run_attempt(attempt_id=attempt.pk, now=attempt.due_at)
    case.refresh_from_db()
    return case


def address(case, verb="case") -> str:
    return reverse(f"recovery:{verb}", args=[case.pk])


def text(response) -> str:
    """The page as it is read: tags gone, spaces single."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


class TestCase:
    def test_says_what_comes_next_exactly_when_and_why(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        page = text(client.get(address(case)))

        assert "$149.00 from Sofia Rossi" in page
        assert "Next: retry 1 of 8" in page
        due = case.attempts.get().due_at.astimezone(merchant.zone)
        assert f"{due:%a, %b} {due.day}, 10:00 AM EST" in page
        assert case.reasons[0]["text"] in page
        assert "Last decline: Insufficient funds insufficient_funds" in page

    def test_the_timeline_reads_planned_now_past(self, client, merchant, stripe, owner):
        case = retried(failed(merchant, stripe), stripe)

        page = text(client.get(address(case)))

        places = [
            page.index(words)
            for words in (
                "more steps planned",
                "Retry 4 planned",
                "Retry 3 planned",
                "Retry 2 planned",
                "Now",
                "Retry 1 failed Insufficient funds · Visa •••• 3119 insufficient_funds",
                "Payment failed Insufficient funds · Visa •••• 3119 insufficient_funds",
                "Case opened Recoup retries, by the rules “Recommended”",
            )
        ]
        assert places == sorted(places)

    def test_every_try_is_listed_with_card_result_words_and_code(
        self, client, merchant, stripe, owner
    ):
        case = retried(failed(merchant, stripe), stripe)

        page = text(client.get(address(case)))

        tries = page[page.index("Amount Reason") :]
        assert tries.count("Visa •••• 3119 Declined $149.00 Insufficient funds") == 2
        assert "Retry 1 Recoup" in tries
        assert "Initial charge" in tries

    def test_the_strip_tells_the_whole_plan_in_words(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        html = client.get(address(case)).content.decode()

        words = re.findall(r'<svg[^>]+role="img".*?<desc[^>]*>([^<]+)</desc>', html, re.DOTALL)
        assert len(words) == 2, "a wide and a narrow drawing"
        assert words[0].startswith("Failed: failed Nov 2; Retry 1: planned Nov 4;")
        assert words[0].endswith("If all fail: Subscription stays past due")
        assert words[0].count("planned") == 8

    def test_after_a_hard_decline_no_date_is_promised_and_retry_now_says_why_not(
        self, client, merchant, stripe, owner
    ):
        case = failed(merchant, stripe, LOST_CARD)

        response = client.get(address(case))

        page = text(response)
        assert "Needs a new card" in page
        assert "No retry until the card changes" in page
        assert "Next: retry" not in page
        assert f'href="{address(case, "retry")}"' not in response.content.decode()
        assert "only another card can be" in page

    def test_a_case_left_to_stripe_shows_stripes_next_try(self, client, merchant, stripe, owner):
        merchant.retry_settings.delete()
        merchant.refresh_from_db()
        case = failed(merchant, stripe)

        page = text(client.get(address(case)))

        assert case.engine == "stripe"
        assert "Next: Stripe tries again Thu, Nov 5, 9:00 AM EST" in page
        assert "If all retries fail As set in Stripe" in page

    def test_a_date_on_which_stripe_will_charge_nothing_is_not_shown(
        self, client, merchant, stripe, owner
    ):
        merchant.retry_settings.delete()
        merchant.refresh_from_db()
        case = failed(merchant, stripe, LOST_CARD)

        page = text(client.get(address(case)))

        assert case.next_try_at is not None, "Stripe keeps its schedule"
        assert "Next: waiting for the customer No retry until the card changes" in page
        assert "Stripe tries again" not in page
        assert "Stripe: planned" not in page
        assert "it runs only if a new card is there" in page

    def test_a_recovered_case_says_what_came_back_and_by_which_try(
        self, client, merchant, stripe, owner
    ):
        case = retried(failed(merchant, stripe), stripe, "paid")

        page = text(client.get(address(case)))

        assert re.search(r"Recovered After \d days? · \$149.00 · retry 1", page)
        assert "Retry now" not in page
        assert "planned" not in page

    @pytest.mark.parametrize(
        ("status", "polls", "words"),
        [
            ("running", True, "Charging…"),
            ("unknown", True, "Checking with Stripe"),
            ("processing", False, "The bank is working on retry 1"),
        ],
    )
    def test_asks_again_by_itself_only_while_an_answer_is_near(
        self, client, merchant, stripe, owner, status, polls, words
    ):
        case = failed(merchant, stripe)
        case.attempts.update(status=status, claimed_at=NOW)

        response = client.get(address(case), headers={"HX-Request": "true", "HX-Target": "case"})

        html = response.content.decode()
        assert ('hx-trigger="every 5s"' in html) is polls
        assert words in text(response)
        assert "<html" not in html
        assert f'href="{address(case, "stop")}"' not in html

    def test_a_settled_case_stops_asking(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        assert 'hx-trigger="every' not in client.get(address(case)).content.decode()

    def test_costs_few_queries(
        self, client, merchant, stripe, owner, django_assert_max_num_queries
    ):
        case = retried(failed(merchant, stripe), stripe)
        client.get(address(case))

        with django_assert_max_num_queries(12):
            client.get(address(case))


class TestRoles:
    @pytest.mark.parametrize(("role", "may"), [(Role.VIEWER, False), (Role.SUPPORT, True)])
    def test_only_those_who_may_act_see_buttons(self, client, merchant, stripe, sign_in, role, may):
        case = failed(merchant, stripe)
        sign_in(role)

        html = client.get(address(case)).content.decode()

        assert (address(case, "retry") in html) is may
        assert (address(case, "stop") in html) is may

    @pytest.mark.parametrize("verb", ["retry", "stop", "reopen"])
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_viewer_is_refused(self, client, merchant, stripe, sign_in, verb, method):
        case = failed(merchant, stripe)
        sign_in(Role.VIEWER)

        assert getattr(client, method)(address(case, verb)).status_code == 403
        assert not CaseEvent.objects.filter(kind__in=["manual_retry", "stopped"]).exists()


class TestRetryNow:
    def test_the_question_names_amount_card_and_what_becomes_of_the_plan(
        self, client, merchant, stripe, owner
    ):
        case = failed(merchant, stripe)

        page = text(client.get(address(case, "retry")))

        assert "Retry $149.00 now?" in page
        assert "Charges Visa •••• 3119 once." in page
        assert re.search(r"The planned retry on .* stays unless this one succeeds\.", page)
        assert not Attempt.objects.filter(asked_by=owner.email).exists(), "asking charges nothing"

    def test_commits_one_attempt_and_hands_it_to_a_worker(
        self, client, merchant, stripe, owner, woken
    ):
        case = failed(merchant, stripe)

        response = client.post(address(case, "retry"))

        attempt = case.attempts.get(asked_by=owner.email)
        assert response["Location"] == address(case)
        assert attempt.status == "running"
        assert woken == [attempt.pk]
        assert stripe.pays == [], "the worker charges, not the page"
        assert AuditEntry.objects.get(action="case.retry_now").user == owner

    def test_a_second_click_starts_nothing(self, client, merchant, stripe, owner, woken):
        case = failed(merchant, stripe)
        client.post(address(case, "retry"))

        response = client.post(address(case, "retry"))

        assert len(woken) == 1
        assert "A charge is under way already." in said(response)

    def test_a_hard_decline_is_refused_in_words(self, client, merchant, stripe, owner, woken):
        case = failed(merchant, stripe, LOST_CARD)

        response = client.post(address(case, "retry"))

        assert woken == []
        assert any("only another card can be" in words for words in said(response))
        assert "No retry now:" in text(client.get(address(case, "retry")))

    def test_a_broker_that_is_away_loses_nothing(
        self, client, merchant, stripe, owner, monkeypatch, caplog
    ):
        case = failed(merchant, stripe)

        def refuse(**_):
            raise ConnectionError

        monkeypatch.setattr(tasks.carry_out, "apply_async", refuse)
        response = client.post(address(case, "retry"))

        assert response.status_code == 302
        assert case.attempts.filter(asked_by=owner.email, status="running").exists()
        assert "The broker is not reachable" in caplog.text


class TestStopAndReopen:
    def test_stop_ends_the_case_under_a_persons_name(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        client.post(address(case, "stop"))

        case.refresh_from_db()
        page = text(client.get(address(case)))
        assert (case.status, case.end_reason) == ("stopped", "stopped_by_person")
        assert f"Stopped by a person · {owner.email}" in page
        assert "Reopen…" in page

    def test_reopen_plans_again(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)
        client.post(address(case, "stop"))

        client.post(address(case, "reopen"))

        case.refresh_from_db()
        assert case.status == "open"
        assert case.next_step == "retry"

    def test_stopping_twice_says_that_it_is_closed(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)
        client.post(address(case, "stop"))

        assert said(client.post(address(case, "stop"))) == [
            "Stopped. Nothing more is charged for this payment.",
            "This case is closed already.",
        ]


class TestList:
    def test_shows_amount_status_customer_reason_and_retries(self, client, merchant, stripe, owner):
        retried(failed(merchant, stripe), stripe)

        page = text(client.get(LIST))

        row = page[page.index("Failed on $149.00") :]
        assert re.search(r"\$149.00 USD Retrying .* · in \d days?", row)
        assert "Sofia Rossi sofia@example.com" in row
        assert "Insufficient funds" in row
        assert "1 of 8" in row

    @pytest.mark.parametrize(
        ("view", "expected"),
        [
            ("", {"retry", "lost_card", "3ds", "stripe_hard", "stripe_soft"}),
            ("attention", {"lost_card", "3ds", "stripe_hard"}),
            ("retrying", {"retry", "stripe_soft"}),
            ("new_card", {"lost_card", "stripe_hard"}),
            ("authentication", {"3ds"}),
            ("recovered", {"recovered"}),
            ("lost", {"lost"}),
            ("stopped", {"stopped"}),
            ("nonsense", {"retry", "lost_card", "3ds", "stripe_hard", "stripe_soft"}),
        ],
    )
    def test_each_view_holds_its_cases(self, client, merchant, owner, view, expected):
        soon = NOW + DAY
        stripe = {"engine": "stripe", "next_step": "stripe", "next_try_at": soon}
        closed = {"closed_at": NOW, "next_step": "nothing"}
        rows: dict[str, dict[str, object]] = {
            "retry": {"next_step": "retry", "next_try_at": soon},
            "lost_card": {"next_step": "new_card"},
            "3ds": {"next_step": "authentication"},
            "stripe_hard": {**stripe, "last_decline_code": "lost_card"},
            "stripe_soft": {**stripe, "last_decline_code": "insufficient_funds"},
            "recovered": {**closed, "status": "recovered", "end_reason": "paid"},
            "lost": {**closed, "status": "lost", "end_reason": "tries_used_up"},
            "stopped": {**closed, "status": "stopped", "end_reason": "stopped_by_person"},
        }
        for name, values in rows.items():
            CaseFactory(merchant=merchant, offer_name=name, failed_at=FAILED_AT, **values)

        page = client.get(LIST, {"view": view})

        assert {row.case.offer_name for row in page.context["rows"]} == expected

    def test_never_says_retrying_where_stripe_will_charge_nothing(self, client, merchant, owner):
        CaseFactory(
            merchant=merchant,
            engine="stripe",
            next_step="stripe",
            next_try_at=NOW + DAY,
            last_decline_code="lost_card",
        )

        row = client.get(LIST).context["rows"][0]

        assert (row.shown.status, row.shown.at) == ("new_card", None)

    def test_amounts_are_added_up_per_currency(self, client, merchant, owner):
        CaseFactory.create_batch(2, merchant=merchant)
        CaseFactory(merchant=merchant, amount_due_minor=9800, currency="jpy")
        CaseFactory()  # another merchant's

        assert "At risk now: $298.00 USD , ¥9,800 JPY" in text(client.get(LIST))

    def test_finds_by_customer_and_by_stripe_id(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)
        CaseFactory(merchant=merchant)

        for words in ("sofia", "ROSSI", case.stripe_invoice_id):
            rows = client.get(LIST, {"q": words}).context["rows"]
            assert [row.case for row in rows] == [case], words

    def test_filters_by_reason_day_and_amount(self, client, merchant, owner):
        wanted = CaseFactory(
            merchant=merchant, last_decline_code="do_not_honor", amount_due_minor=5000
        )
        CaseFactory(merchant=merchant, last_decline_code="expired_card", amount_due_minor=9000)
        day = f"{wanted.failed_at.astimezone(merchant.zone):%Y-%m-%d}"

        for query in (
            {"reason": "do_not_honor"},
            {"max": "60", "currency": "usd"},
            {"from": day, "to": day, "reason": "do_not_honor"},
        ):
            rows = client.get(LIST, query).context["rows"]
            assert [row.case for row in rows] == [wanted], query

    def test_pages_follow_a_cursor(self, client, merchant, owner):
        for number in range(30):
            CaseFactory(merchant=merchant, failed_at=FAILED_AT + number * HOUR)

        first = client.get(LIST).context["page"]
        second = client.get(LIST, {"cursor": first.next_cursor}).context["page"]

        assert [len(first.rows), len(second.rows)] == [25, 5]
        assert not set(first.rows) & set(second.rows)

    def test_htmx_gets_the_results_alone_with_their_address(self, client, merchant, owner):
        response = client.get(
            LIST, {"view": "lost", "q": ""}, headers={"HX-Request": "true", "HX-Target": "results"}
        )

        assert "<html" not in response.content.decode()
        assert response["HX-Push-Url"] == f"{LIST}?view=lost"

    @pytest.mark.parametrize(
        ("query", "words"),
        [({}, "Nothing to recover."), ({"view": "lost"}, "None in this view.")],
    )
    def test_empty_is_good_news(self, client, merchant, owner, query, words):
        CaseFactory(merchant=merchant, status="stopped", end_reason="paid_elsewhere", closed_at=NOW)

        assert words in text(client.get(LIST, query))

    def test_costs_few_queries_however_many_rows(
        self, client, merchant, owner, django_assert_max_num_queries
    ):
        CaseFactory.create_batch(25, merchant=merchant, next_step="retry", next_try_at=NOW)

        with django_assert_max_num_queries(8):
            client.get(LIST)


def test_the_day_a_retry_falls_on_is_the_merchants(client, merchant, stripe, owner):
    case = CaseFactory(
        merchant=merchant,
        next_step="retry",
        next_try_at=dt.datetime(2026, 11, 6, 3, 30, tzinfo=dt.UTC),
        stripe_customer_id="cus_x",
    )

    assert "Thu, Nov 5, 10:30 PM" in text(client.get(LIST))
    assert case.next_try_at.day == 6


class TestMoreOnTheCase:
    def test_the_card_budget_counts_tries_over_all_invoices(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)
        for number in range(5):
            TryFactory(
                merchant=merchant,
                stripe_invoice_id="in_other",
                fingerprint=VISA.fingerprint,
                at=NOW - (number + 1) * 5 * DAY,
            )

        page = text(client.get(address(case)))

        assert "Card budget 6 of 15 in 30 days" in page
        assert "0 of 10 in 24 hours" in page
        assert "of 20 in" not in page

    def test_a_card_the_bank_renewed_says_so_and_promises_nothing(
        self, client, merchant, stripe, owner
    ):
        case = failed(merchant, stripe)
        moment = dt.datetime(2026, 11, 3, 15, tzinfo=dt.UTC)
        PaymentMethod.objects.filter(stripe_payment_method_id=VISA.reference).delete()
        PaymentMethod.objects.create(
            merchant=merchant,
            stripe_payment_method_id=VISA.reference,
            type="card",
            data_changed_at=moment,
            updated_by_network_at=moment,
            read_at=moment,
        )

        page = text(client.get(address(case)))

        assert "Updated by the bank on Nov 3" in page
        assert "no update can be promised" in page

    def test_the_end_is_planned_after_the_last_retry(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        page = text(client.get(address(case)))

        assert page.index("If all retries fail Subscription") < page.index("Retry 8 planned")

    def test_what_higher_floors_planned_and_offer_stands_on_it(
        self, client, merchant, stripe, owner, monkeypatch
    ):
        case = failed(merchant, stripe)
        step = PlannedStep(
            NOW + HOUR, "envelope", "Email 2 planned", "“On hold”", "/mail/", "Preview"
        )
        action = CaseAction("Send reminder…", "/remind/", "paper-airplane")
        monkeypatch.setattr(extras, "_planners", [lambda one: [step]])
        monkeypatch.setattr(extras, "_offerers", [lambda one, role: [action]])

        html = client.get(address(case)).content.decode()

        assert '<a href="/mail/">Preview</a>' in html
        assert re.search(r'<a href="/remind/">.*?Send reminder…', html, re.DOTALL)

    def test_whether_stripe_goes_on_and_how_often_it_counts(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        page = text(client.get(address(case)))

        assert "Who retries Recoup Stripe will not try again: switched off because Recoup" in page
        assert "Invoice status Open" in page


class TestNotes:
    def note(self, client, case, words="Called, pays on Friday", key=KEY):
        return client.post(address(case, "note"), {"text": words, "key": key})

    def test_a_note_stands_in_the_timeline_with_its_author(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        response = self.note(client, case)

        assert response["Location"] == address(case) + "#timeline-title"
        page = text(client.get(address(case)))
        assert "Note Called, pays on Friday" in page
        assert owner.email in page

    def test_sent_twice_it_is_one_note(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        self.note(client, case)
        self.note(client, case)

        assert case.events.filter(kind=CaseEvent.Kind.NOTE).count() == 1

    @pytest.mark.parametrize("words", ["", "   ", "x" * 501])
    def test_nothing_and_too_much_is_no_note(self, client, merchant, stripe, owner, words):
        case = failed(merchant, stripe)

        response = self.note(client, case, words)

        assert said(response) == ["Write a note of up to 500 characters."]
        assert not case.events.filter(kind=CaseEvent.Kind.NOTE).exists()

    def test_it_is_text_and_nothing_else(self, client, merchant, stripe, owner):
        case = failed(merchant, stripe)

        self.note(client, case, "<b>bold</b>")

        assert "&lt;b&gt;bold&lt;/b&gt;" in client.get(address(case)).content.decode()
