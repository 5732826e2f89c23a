"""Settings > Emails and Branding."""

import datetime as dt
import io
import re
from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.accounts.models import AuditEntry, Role
from apps.dunning.mails.kinds import AVAILABLE, KINDS, MailKind
from apps.dunning.mails.texts import TEXTS
from apps.dunning.presets import RECOMMENDED, spread
from apps.dunning_emails.colours import contrast, readable_on
from apps.dunning_emails.composing import words_of
from apps.dunning_emails.models import BouncedAddress, EmailSettings, Mail, MailTemplate
from apps.dunning_emails.rendering import Look, Row, render_mail
from apps.retry_settings.services import save_rules
from tests.accounts.factories import MembershipFactory
from tests.dunning_emails.factories import (
    BouncedAddressFactory,
    EmailSettingsFactory,
    MailFactory,
    MailTemplateFactory,
)
from tests.recovery.factories import SUNDAY_NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client):
    membership = MembershipFactory(merchant__name="Willow Studio")
    client.force_login(membership.user)
    return membership


def address(name, *args):
    return reverse(f"emails:{name}", args=args)


class TestTheList:
    def test_every_kind_that_exists_is_off_on_day_one(self, client, owner):
        page = client.get(address("list")).content.decode()

        assert page.count('aria-checked="false"') >= len(AVAILABLE)
        assert 'aria-checked="true"' not in page

    def test_a_switch_acts_at_once_and_can_be_undone(self, client, owner):
        answer = client.post(address("switch", "failed_1"), {"on": "1"}, follow=True)

        template = MailTemplate.objects.get(kind="failed_1")
        assert template.on_since is not None
        page = answer.content.decode()
        assert "On from now." in page
        assert "Undo" in page
        assert AuditEntry.objects.filter(action="emails.on", subject="failed_1").exists()

        client.post(address("switch", "failed_1"), {"on": "0"})
        template.refresh_from_db()
        assert template.on_since is None

    def test_with_script_only_the_row_is_answered(self, client, owner):
        answer = client.post(
            address("switch", "failed_1"), {"on": "1"}, headers={"HX-Request": "true"}
        )

        assert answer.content.decode().strip().startswith("<tr")

    def test_switching_off_takes_out_what_is_planned(self, client, owner):
        mail = MailFactory(case__merchant=owner.merchant)
        MailTemplateFactory(merchant=owner.merchant, on_since=dt.datetime.now(dt.UTC))

        client.post(address("switch", "failed_1"), {"on": "0"})

        mail.refresh_from_db()
        assert (mail.status, mail.why) == ("dropped", "This email was switched off.")

    def test_two_senders_of_one_mail_are_warned_about(self, client, owner):
        client.post(address("switch", "failed_1"), {"on": "1"})
        assert "customers get two" not in client.get(address("list")).content.decode()

        client.post(address("stripe", "failed_1"), {"on": "1"})

        assert "customers get two" in client.get(address("list")).content.decode()

    @pytest.mark.parametrize("kind", [one for one in AVAILABLE if KINDS[one].stripe])
    def test_stripes_or_ours_is_a_choice_for_each_kind(self, client, owner, kind):
        client.post(address("stripe", kind), {"on": "1"})
        page = client.get(address("list")).content.decode()
        assert "customers get two" not in page
        assert MailTemplate.objects.get(kind=kind).stripe_sends

        client.post(address("switch", kind), {"on": "1"})
        page = client.get(address("list")).content.decode()
        assert f"<b>{KINDS[kind].title}</b>: Stripe sends its own email as well" in page

        client.post(address("stripe", kind), {"on": "0"})
        assert "customers get two" not in client.get(address("list")).content.decode()

    def test_what_stripe_mails_about_we_can_mail_about(self):
        assert {kind for kind, info in KINDS.items() if info.stripe} <= set(AVAILABLE)
        assert KINDS[MailKind.CANCELED].stripe

    def test_stripe_has_no_mail_about_lost_access(self, client, owner):
        assert client.post(address("stripe", "access_revoked"), {"on": "1"}).status_code == 400

    @pytest.mark.parametrize("name", ["no_such", "alert_failed"])
    def test_what_cannot_be_sent_has_no_page(self, client, owner, name):
        assert client.get(address("editor", name)).status_code == 404

    def test_a_bounced_address_asks_the_merchant(self, client, owner):
        BouncedAddressFactory(merchant=owner.merchant)
        assert (
            "Ask the customer for another address" in client.get(address("list")).content.decode()
        )

        client.post(address("mail_again"), {"email": "sofia@example.com"})

        assert not BouncedAddress.objects.exists()


class TestTheSections:
    def post(self, client, section, **values):
        version = EmailSettings.objects.values_list("version", flat=True).first() or 0
        return client.post(address("save", section), {"version": version, **values})

    def test_reminders_of_3d_secure_follow_the_days(self, client, owner):
        assert self.post(client, "confirm", confirm_days="2, 5").status_code == 302

        assert EmailSettings.objects.get().confirm_days == [2, 5]
        page = client.get(address("list")).content.decode()
        assert "Payments that require 3D Secure" in page
        assert "Strong Customer Authentication" in page
        assert "Mastercard Identity Check" in page

    @pytest.mark.parametrize("days", ["x", "0", "3, 2", "2, 2", "1,2,3,4,5,6", "31"])
    def test_wrong_days_are_refused(self, client, owner, days):
        assert self.post(client, "confirm", confirm_days=days).status_code == 422
        assert not EmailSettings.objects.exists()

    def test_reminders_of_sent_invoices_follow_the_days(self, client, owner):
        answer = self.post(client, "invoices", days_before="14, 2", on_the_day="on", days_after="5")

        assert answer.status_code == 302
        assert EmailSettings.objects.get().invoice_days == [-14, -2, 0, 5]
        page = client.get(address("list")).content.decode()
        assert "One-off and sent invoices" in page
        assert 'value="14, 2"' in page

    def test_no_reminder_of_sent_invoices_may_be_wanted(self, client, owner):
        assert self.post(client, "invoices", days_before="", days_after="").status_code == 302
        assert EmailSettings.objects.get().invoice_days == []

    @pytest.mark.parametrize(
        "given",
        [
            {"days_before": "x"},
            {"days_before": "0"},
            {"days_before": "61"},
            {"days_before": "3, 3"},
            {"days_before": "1,2,3,4,5,6"},
            {"days_after": "29"},
            {"days_after": "-3"},
        ],
    )
    def test_wrong_days_of_sent_invoices_are_refused_and_kept(self, client, owner, given):
        answer = self.post(client, "invoices", **given)

        assert answer.status_code == 422
        (typed,) = given.values()
        assert f'value="{typed}"' in answer.content.decode()
        assert not EmailSettings.objects.exists()

    @pytest.mark.parametrize(
        ("section", "prefix"), [("confirm", "confirm"), ("invoices", "invoice")]
    )
    def test_an_end_rule_is_kept_with_the_moment_it_holds_from(
        self, client, owner, section, prefix
    ):
        rule = {f"{prefix}_end": "void", f"{prefix}_end_days": "12", f"{prefix}_sure": "on"}
        assert self.post(client, section, **rule).status_code == 302
        stored = EmailSettings.objects.get()
        assert (getattr(stored, f"{prefix}_end"), getattr(stored, f"{prefix}_end_days")) == (
            "void",
            12,
        )
        since = getattr(stored, f"{prefix}_end_since")
        assert since is not None

        self.post(client, section, **rule)
        stored.refresh_from_db()
        assert getattr(stored, f"{prefix}_end_since") == since

        self.post(client, section, **{**rule, f"{prefix}_end_days": "5"})
        stored.refresh_from_db()
        assert getattr(stored, f"{prefix}_end_since") > since

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"invoice_end": "void", "invoice_end_days": "12"}, "Tick this"),
            ({"invoice_end": "void", "invoice_sure": "on"}, "Enter a number of days"),
            ({"invoice_end": "void", "invoice_end_days": "0", "invoice_sure": "on"}, "greater"),
            (
                {"invoice_end": "burn", "invoice_end_days": "3", "invoice_sure": "on"},
                "valid choice",
            ),
            ({"credit_up_to": "20"}, "Say in which currency"),
            ({"credit_up_to": "-1", "credit_currency": "usd"}, "more than nothing"),
            ({"credit_up_to": "0.001", "credit_currency": "usd"}, "no such small amounts"),
            ({"credit_up_to": "20", "credit_currency": "u$"}, "three letters"),
        ],
    )
    def test_a_rule_that_is_not_whole_is_refused(self, client, owner, given, words):
        answer = self.post(client, "invoices", **given)

        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not EmailSettings.objects.exists()

    def test_a_rest_to_credit_is_kept_in_the_smallest_unit(self, client, owner):
        self.post(client, "invoices", credit_up_to="20", credit_currency="USD")

        stored = EmailSettings.objects.get()
        assert (stored.credit_up_to_minor, stored.credit_currency) == (2000, "usd")
        assert stored.credit_since is not None
        page = client.get(address("list")).content.decode()
        assert 'value="20.00"' in page

        self.post(client, "invoices", credit_up_to="", credit_currency="USD")
        stored.refresh_from_db()
        assert (stored.credit_up_to_minor, stored.credit_currency) == (None, "")

    def test_every_end_is_off_on_day_one(self, client, owner):
        stored = EmailSettings(merchant=owner.merchant)

        assert (stored.invoice_end, stored.confirm_end) == ("leave", "leave")
        assert stored.credit_up_to_minor is None

    @pytest.mark.parametrize("kind", ["invoice_sent", "invoice_reminder"])
    def test_stripes_own_mail_about_invoices_is_noted(self, client, owner, kind):
        assert "is ticked as on" not in client.get(address("list")).content.decode()

        client.post(address("stripe", kind), {"on": "1"})

        assert "is ticked as on" in client.get(address("list")).content.decode()

    @pytest.mark.parametrize(
        ("link", "status"),
        [
            ("https://willow.example/account", 302),
            ("", 422),
            ("http://willow.example", 422),
            ("javascript:alert(1)", 422),
        ],
    )
    def test_an_own_link_is_checked(self, client, owner, link, status):
        answer = self.post(client, "target", link_target="own", own_link=link)

        assert answer.status_code == status

    def test_stripes_page_comes_with_its_thirty_days(self, client, owner):
        assert "30 days" in client.get(address("list")).content.decode()

    @pytest.mark.parametrize(
        ("target", "days", "warned"),
        [("stripe", 45, True), ("stripe", 21, False), ("recoup", 45, False)],
    )
    def test_a_schedule_that_outlives_stripes_page_is_warned_about(
        self, client, owner, target, days, warned
    ):
        save_rules(
            merchant=owner.merchant,
            rules=replace(
                RECOMMENDED, strategy="custom", steps=spread(tries=3, days=days), table={}
            ),
            expected_version=0,
            user=None,
            now=SUNDAY_NOON,
        )
        EmailSettingsFactory(merchant=owner.merchant, link_target=target)

        page = client.get(address("list")).content.decode()

        assert (f"your retries go on for {days}" in page) == warned

    def test_quiet_hours_and_the_cap(self, client, owner):
        self.post(client, "calm", quiet_from=21, quiet_until=9, weekly_cap=2)

        stored = EmailSettings.objects.get()
        assert (stored.quiet_from, stored.quiet_until, stored.weekly_cap) == (21, 9, 2)

    def test_somebody_else_was_first(self, client, owner):
        self.post(client, "calm", quiet_from=21, quiet_until=9, weekly_cap=2)

        answer = client.post(
            address("save", "calm"),
            {"version": 0, "quiet_from": 1, "quiet_until": 2, "weekly_cap": 7},
        )

        assert answer.status_code == 422
        assert "changed these settings" in answer.content.decode()


WORDS = {"subject": "Hello {first_name}", "preview": "", "body": "Pay {amount}.", "button": "Pay"}


class TestTheEditor:
    def test_a_draft_goes_out_only_once_published(self, client, owner):
        merchant = owner.merchant
        client.post(address("draft", "failed_1"), WORDS)
        assert words_of(merchant_id=merchant.pk, kind=MailKind.FAILED_1) == TEXTS[MailKind.FAILED_1]
        assert "Draft saved" in client.get(address("editor", "failed_1")).content.decode()

        client.post(address("publish", "failed_1"))

        live = words_of(merchant_id=merchant.pk, kind=MailKind.FAILED_1)
        assert live.subject == "Hello {first_name}"
        assert MailTemplate.objects.get().published_by == owner.user.email

    def test_an_unknown_variable_is_an_error_and_never_published(self, client, owner):
        answer = client.post(address("draft", "failed_1"), {**WORDS, "body": "Pay {amuont}."})
        assert answer.status_code == 422
        assert "Unknown variable: {amuont}" in answer.content.decode()

        answer = client.post(address("publish", "failed_1"), follow=True)

        assert "Unknown variable" in answer.content.decode()
        assert MailTemplate.objects.get().live == {}

    def test_typing_answers_with_the_preview_alone(self, client, owner):
        answer = client.post(address("draft", "failed_1"), WORDS, headers={"HX-Request": "true"})

        page = answer.content.decode()
        assert 'id="preview"' in page
        assert "Hello Sofia" in page
        assert "<main" not in page

    def test_a_draft_can_be_dropped_and_the_default_restored(self, client, owner):
        client.post(address("draft", "failed_1"), WORDS)
        client.post(address("revert", "failed_1"))
        assert MailTemplate.objects.get().draft == {}

        client.post(address("draft", "failed_1"), WORDS)
        client.post(address("publish", "failed_1"))
        client.post(address("restore", "failed_1"))

        live = words_of(merchant_id=owner.merchant.pk, kind=MailKind.FAILED_1)
        assert live == TEXTS[MailKind.FAILED_1]

    def test_days_are_kept_with_the_draft(self, client, owner):
        client.post(address("draft", "failed_2"), {**WORDS, "days": "6"})

        assert MailTemplate.objects.get().days == 6

    def test_a_test_goes_to_who_asks(self, client, owner, mailoutbox):
        client.post(address("draft", "failed_1"), WORDS)
        client.post(address("test", "failed_1"))

        (mail,) = mailoutbox
        assert mail.to == [owner.user.email]
        assert mail.subject == "[Test] Hello Sofia"
        assert not Mail.objects.exists()

    @pytest.mark.parametrize("kind", AVAILABLE)
    def test_every_kind_has_a_preview(self, client, owner, kind):
        answer = client.get(address("preview", kind), {"sample": "expired"})

        assert answer.status_code == 200
        assert "script-src 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        assert not re.search(
            r"\{\w+\}", re.sub(r"(?s)<style>.*?</style>", "", answer.content.decode())
        )

    def test_checks_say_what_is_missing(self, client, owner):
        client.post(
            address("draft", "failed_1"),
            {"subject": "S" * 70, "preview": "", "body": "A discount for you", "button": ""},
        )

        page = client.get(address("editor", "failed_1")).content.decode()

        assert page.count('class="wrong"') == 5
        assert "{#" not in page

    def test_viewers_look_and_change_nothing(self, client):
        viewer = MembershipFactory(role=Role.VIEWER)
        client.force_login(viewer.user)

        page = client.get(address("editor", "failed_1")).content.decode()

        assert "Publish" not in page
        assert client.post(address("draft", "failed_1"), WORDS).status_code == 403


def picture(size=(900, 300), kind="PNG", colour="red") -> SimpleUploadedFile:
    drawn = io.BytesIO()
    Image.new("RGB", size, colour).save(drawn, kind)
    return SimpleUploadedFile(f"logo.{kind.lower()}", drawn.getvalue())


class TestBranding:
    def post(self, client, **values):
        version = EmailSettings.objects.values_list("version", flat=True).first() or 0
        return client.post(
            reverse("branding:save"), {"version": version, "colour": "#2152cc", **values}
        )

    def test_it_stands_in_the_mails(self, client, owner):
        self.post(
            client,
            sender_name="Willow",
            reply_to="help@willow.example",
            postal_address="1 Studio Lane\nPortland",
            colour="#0a6b3d",
        )

        html = client.get(address("preview", "failed_1")).content.decode()
        assert "1 Studio Lane<br>Portland" in html
        assert "background:#0a6b3d" in html
        assert "Your payment to Willow did not go through" in html

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_a_logo_is_drawn_anew_and_small(self, client, owner, kind):
        assert self.post(client, logo=picture(kind=kind)).status_code == 302

        stored = EmailSettings.objects.get()
        answer = Client().get(reverse("branding:picture", args=[stored.logo_hash]))
        assert answer["Content-Type"] == "image/png"
        assert "immutable" in answer["Cache-Control"]
        with Image.open(io.BytesIO(answer.content)) as shown:
            assert shown.size == (480, 160)
        assert stored.logo_hash in client.get(address("preview", "failed_1")).content.decode()

        self.post(client, remove_logo="on")
        assert EmailSettings.objects.get().logo_hash == ""

    def test_an_icon_is_its_own_picture_and_square(self, client, owner):
        assert self.post(client, logo=picture(), icon=picture((200, 100))).status_code == 302

        stored = EmailSettings.objects.get()
        assert stored.icon_hash not in ("", stored.logo_hash)
        answer = Client().get(reverse("branding:picture", args=[stored.icon_hash]))
        with Image.open(io.BytesIO(answer.content)) as shown:
            assert shown.size == (128, 128)
            assert shown.convert("RGBA").getchannel("A").getpixel((64, 2)) == 0
        self.post(client, remove_logo="on")
        assert stored.icon_hash in client.get(address("preview", "failed_1")).content.decode()
        self.post(client, remove_icon="on")
        assert EmailSettings.objects.get().icon_hash == ""

    def test_a_wrong_icon_says_so_beside_its_field_and_keeps_the_rest(self, client, owner):
        wrong = SimpleUploadedFile("icon.png", b"not a picture")

        answer = self.post(client, icon=wrong, sender_name="Willow & Co")

        assert answer.status_code == 422
        assert "Choose a PNG, JPEG or WebP picture." in answer.content.decode()
        assert "Willow &amp; Co" in answer.content.decode()

    @pytest.mark.parametrize(
        "upload",
        [
            SimpleUploadedFile("logo.png", b"not a picture"),
            SimpleUploadedFile("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            picture(kind="GIF"),
            SimpleUploadedFile("logo.png", b"\x89PNG" + b"0" * 2_000_001),
        ],
        ids=["text", "svg", "gif", "large"],
    )
    def test_what_is_no_picture_of_ours_is_refused(self, client, owner, upload):
        upload.seek(0)

        assert self.post(client, logo=upload).status_code == 422
        assert not EmailSettings.objects.exists()

    @pytest.mark.parametrize(
        ("colour", "status"),
        [("#2152cc", 302), ("#fefefe", 422), ("red", 422), ("#12345", 422), ("#f5c563", 302)],
    )
    def test_a_colour_nobody_can_see_is_refused(self, client, owner, colour, status):
        assert self.post(client, colour=colour).status_code == status


class TestTheMailItself:
    def render(self, body="Hi {first_name}", **values):
        words = TEXTS[MailKind.FAILED_1].with_changes({"body": body, "subject": "{first_name}"})
        return render_mail(
            words=words,
            values={"first_name": "Sofia", **values},
            look=Look("Willow", postal_address="1 Lane"),
            url="https://example.com/pay/x/",
            rows=[Row("Membership", "$1"), Row("<b>", "$2")],
        )

    def test_a_name_is_never_markup(self):
        mail = self.render(
            first_name="<img src=x> [click](https://evil.example) **x**\r\nBcc: a@b.c"
        )

        assert "<img src=x>" not in mail.html
        assert 'href="https://evil.example"' not in mail.html
        assert "\n" not in mail.subject
        assert "\r" not in mail.subject

    def test_html_in_the_words_is_shown_and_not_carried_out(self):
        mail = self.render(body="<script>alert(1)</script> [x](javascript:alert(1)) **bold**")

        assert "<script>" not in mail.html
        assert 'href="javascript' not in mail.html
        assert "<strong>bold</strong>" in mail.html

    def test_empty_sentences_leave_no_empty_paragraph(self):
        mail = self.render(body="One\n\n{next_try}\n\nTwo")

        assert "<p></p>" not in mail.html
        assert "One\n\nTwo" in mail.text

    def test_both_forms_say_the_same(self):
        mail = self.render(body="Please **pay** [here](https://willow.example/a).\n\n- one\n- two")

        assert "Please pay here (https://willow.example/a)." in mail.text
        assert "- one\n- two" in mail.text
        assert "<li>one</li>" in mail.html
        for shown in ("Fix my payment", "https://example.com/pay/x/", "1 Lane", "Membership", "$2"):
            assert shown in mail.text
            assert shown in mail.html

    @pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#2152cc", "#f5c563", "#7f7f7f"])
    def test_text_on_a_button_can_be_read(self, colour):
        assert contrast(readable_on(colour), colour) >= 4.5
