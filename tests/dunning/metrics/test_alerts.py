import datetime as dt

import pytest

from apps.dunning.metrics.alerts import TITLES, EndpointOff, Thresholds, Trend, Watched, findings
from apps.dunning.metrics.rates import Share

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def share(part, whole):
    return Share(part, whole, whole)


def found(**facts):
    facts.setdefault("retries", share(0, 0))
    facts.setdefault("involuntary", share(0, 0))
    thresholds = facts.pop("thresholds", Thresholds())
    return findings(watched=Watched(**facts), thresholds=thresholds, now=NOW)


def kinds(**facts):
    return [one.kind for one in found(**facts)]


def test_nothing_is_wrong_where_nothing_happens():
    assert found() == ()


@pytest.mark.parametrize(
    ("paid", "ran", "expected"),
    [(5, 20, ["retry_success"]), (6, 20, []), (0, 19, []), (29, 100, ["retry_success"])],
)
def test_retry_success_below_the_threshold_with_enough_tries(paid, ran, expected):
    assert kinds(retries=share(paid, ran)) == expected


def test_the_threshold_and_the_sample_are_the_merchants():
    mine = Thresholds(retry_success_percent=50, retry_success_sample=4)

    assert kinds(retries=share(1, 4), thresholds=mine) == ["retry_success"]


@pytest.mark.parametrize(
    ("week", "before", "is_spike"),
    [(8, 0, True), (7, 0, False), (30, 40, True), (29, 40, False), (12, 16, True)],
)
def test_a_spike_is_three_times_its_own_past(week, before, is_spike):
    trend = Trend("reason", "processing_error", "Processing error", week, before)

    assert bool(found(trends=[trend])) == is_spike


def test_each_spike_is_a_finding_of_its_own():
    trends = [Trend("reason", "a", "A", 20, 0), Trend("country", "BR", "Brazil", 20, 0)]

    assert [one.key for one in found(trends=trends)] == ["reason:a", "country:BR"]


def test_silence_counts_only_where_events_are_expected():
    late = NOW - 25 * HOUR

    assert kinds(last_event_at=late, expects_events=True) == ["silent_webhooks"]
    assert kinds(last_event_at=None, expects_events=True) == ["silent_webhooks"]
    assert kinds(last_event_at=NOW - 24 * HOUR, expects_events=True) == []
    assert kinds(last_event_at=late, expects_events=False) == []


def test_late_retries_and_a_refused_key_are_critical():
    both = found(late_attempts=1, key_refused_at=NOW)

    assert [one.kind for one in both] == ["late_attempts", "key_refused"]
    assert all(one.critical for one in both)
    assert both[0].text == "1 retry is due and was not made."


@pytest.mark.parametrize(
    ("bounced", "sent", "expected"),
    [(3, 60, ["mail_bouncing"]), (2, 2, []), (3, 61, []), (50, 1000, ["mail_bouncing"])],
)
def test_bounces_need_a_number_and_a_share(bounced, sent, expected):
    assert kinds(mails_bounced=bounced, mails_sent=sent) == expected


@pytest.mark.parametrize(
    ("unpaid", "ended", "expected"),
    [(1, 1, []), (2, 7, []), (3, 10, [False]), (6, 10, [True]), (2, 2, [True])],
)
def test_the_involuntary_share_warns_at_30_and_is_critical_at_60_per_cent(unpaid, ended, expected):
    assert [one.critical for one in found(involuntary=share(unpaid, ended))] == expected


def test_every_finding_says_what_to_do():
    everything = found(
        retries=share(0, 50),
        involuntary=share(9, 10),
        trends=[Trend("network", "visa", "Visa", 50, 4)],
        expects_events=True,
        late_attempts=4,
        key_refused_at=NOW,
        mails_sent=20,
        mails_bounced=10,
        endpoints_off=[EndpointOff(1, "willow.example", "The server answered 410.")],
    )

    assert {one.kind for one in everything} == set(TITLES)
    assert all(one.text.endswith(".") and one.todo.endswith(".") for one in everything)
