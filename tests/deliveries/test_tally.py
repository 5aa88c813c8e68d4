"""Counting: exactly once, whatever comes late, twice, or is cut short."""

import datetime as dt
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError

from deliveries import tally
from deliveries.models import (
    AppTally,
    Attempt,
    Delivery,
    DeliveryStatus,
    EndpointTally,
    EventTypeTally,
    FailureTally,
    TallyProgress,
)
from deliveries.tally import count_traffic, counted_until
from tests.deliveries.traffic import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    at,
    attempts_counted,
    count,
    everything,
    fail_at,
    forget,
    make_delivery_at,
    make_event_at,
    rows,
    slices,
    succeed_at,
)
from tests.factories import make_app, make_endpoint
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db

# When all that came until NOW is settled.
SETTLED = NOW + HOUR


@pytest.fixture
def endpoint() -> Endpoint:
    return make_endpoint(make_app().app)


# What is counted -----------------------------------------------------------------------------------


def make_traffic(endpoint: Endpoint) -> tuple[Attempt, Attempt]:
    """Two half hours of all kinds; the first and the last attempt that failed with 500."""
    first = make_delivery_at(endpoint, at("11:20:00"))
    failed = fail_at(first, at("11:20:01"), ms=250)
    succeed_at(first, at("11:25:01"), ms=90, number=2)
    exhausted = make_delivery_at(endpoint, at("11:29:59.999"), DeliveryStatus.FAILED, type="order.lost")
    last = fail_at(exhausted, at("11:30:00"), ms=5)
    timed_out = make_delivery_at(endpoint, at("12:02:00"), DeliveryStatus.PENDING, type="order.lost")
    fail_at(timed_out, at("12:07:19.999"), ms=15_000, response_status=None, error_code="timeout", error="Too slow.")
    succeed_at(make_delivery_at(endpoint, at("12:02:00")), at("12:02:10"), ms=90)
    make_event_at(endpoint, at("12:03:00"), "order.unheard")
    test = make_delivery_at(endpoint, at("12:03:00"), test=True)
    fail_at(test, at("12:03:01"))
    succeed_at(test, at("12:03:02"), number=2)
    return failed, last


@pytest.mark.parametrize("settled", [False, True])
def test_every_tally_is_exact_in_slices_and_settled_and_without_test_sends(endpoint: Endpoint, settled: bool) -> None:
    failed, last = make_traffic(endpoint)
    if not settled:
        count(at("11:20:00"))
    for moment in [NOW, *([SETTLED] if settled else [])]:
        count(moment)
    assert (slices() == 0) == settled

    app = {"app_id": endpoint.app_id, "environment": "live"}
    assert rows(AppTally) == [
        {
            **app,
            "start": at("11:00"),
            "events": 2,
            "deliveries": 2,
            "succeeded": 1,
            "failed": 1,
            "exhausted": 0,
            "outcomes": {"200:": 1, "500:http_status": 1},
            "response_times": {"51": 1, "63": 1},
        },
        {
            **app,
            "start": at("11:30"),
            "events": 0,
            "deliveries": 0,
            "succeeded": 0,
            "failed": 1,
            "exhausted": 1,
            "outcomes": {"500:http_status": 1},
            "response_times": {"19": 1},
        },
        {
            **app,
            "start": at("12:00"),
            "events": 3,
            "deliveries": 2,
            "succeeded": 1,
            "failed": 1,
            "exhausted": 0,
            "outcomes": {"200:": 1, ":timeout": 1},
            "response_times": {"51": 1, "110": 1},
        },
    ]
    types = [
        (row["start"], row["event_type"], row["events"], row["deliveries"], row["succeeded"], row["failed"])
        for row in rows(EventTypeTally)
    ]
    assert sorted(types) == [
        (at("11:00"), "order.lost", 1, 1, 0, 0),
        (at("11:00"), "order.paid", 1, 1, 1, 1),
        (at("11:30"), "order.lost", 0, 0, 0, 1),
        (at("12:00"), "order.lost", 1, 1, 0, 1),
        (at("12:00"), "order.paid", 1, 1, 1, 0),
        (at("12:00"), "order.unheard", 1, 0, 0, 0),
    ]
    of = {"endpoint_id": endpoint.pk}
    assert rows(EndpointTally) == [
        {**of, "start": at("11:00"), "deliveries": 2, "succeeded": 1, "failed": 2},
        {**of, "start": at("12:00"), "deliveries": 2, "succeeded": 1, "failed": 1},
    ]
    (of_500, of_timeout) = rows(FailureTally)
    assert of_500 == {
        **app,
        **of,
        "start": at("11:00"),
        "response_status": 500,
        "error_code": "http_status",
        "attempts": 2,
        "first_attempt": failed.pk,
        "last_attempt": last.pk,
    }
    assert (of_timeout["response_status"], of_timeout["error_code"], of_timeout["attempts"]) == (0, "timeout", 1)


def test_environments_apps_and_endpoints_have_rows_of_their_own(endpoint: Endpoint) -> None:
    """S34."""
    others = [make_endpoint(endpoint.app, environment="test"), make_endpoint(make_app("Rival").app)]
    for number, one in enumerate([endpoint, *others], 1):
        for _ in range(number):
            fail_at(make_delivery_at(one, at("12:00:05")), at("12:00:06"))
    count()
    told = {(row["app_id"], row["environment"]): (row["deliveries"], row["failed"]) for row in rows(AppTally)}
    assert told == {
        (endpoint.app_id, "live"): (1, 1),
        (endpoint.app_id, "test"): (2, 2),
        (others[1].app_id, "live"): (3, 3),
    }
    failures = {row["endpoint_id"]: (row["app_id"], row["attempts"]) for row in rows(FailureTally)}
    assert failures == {one.pk: (one.app_id, number) for number, one in enumerate([endpoint, *others], 1)}


def test_a_failure_is_exhausted_where_it_ended_its_delivery(endpoint: Endpoint) -> None:
    delivery = make_delivery_at(endpoint, at("12:03"), DeliveryStatus.FAILED)
    for number in (1, 2, 3):
        fail_at(delivery, at(f"12:03:0{number}"), number=number)
    count()
    assert [(row["failed"], row["exhausted"]) for row in rows(AppTally)] == [(3, 1)]
    # A person tries it again before that is settled, and it goes through.
    Delivery.objects.update(status=DeliveryStatus.SUCCEEDED, attempt_count=4)
    count(SETTLED)
    assert [(row["failed"], row["exhausted"]) for row in rows(AppTally)] == [(3, 0)]


# Once, and all of it -------------------------------------------------------------------------------


def test_slices_of_ten_seconds_come_as_soon_as_they_are_over(endpoint: Endpoint) -> None:
    count(at("12:00:00"))
    delivery = make_delivery_at(endpoint, at("12:07:09.999"))
    succeed_at(delivery, at("12:07:10"))
    count(at("12:07:21.999"))
    assert (counted_until(), attempts_counted()) == (at("12:07:10"), [(0, 0)])
    count(at("12:07:22"))
    assert (counted_until(), attempts_counted()) == (at("12:07:20"), [(1, 0)])


def test_a_run_that_is_repeated_changes_nothing(endpoint: Endpoint) -> None:
    make_traffic(endpoint)
    for moment in (NOW, SETTLED):
        count(moment)
        before = everything()
        for later in (moment, moment + SECOND):
            count(later)
            assert everything() == before
    Attempt.objects.all().delete()
    count(SETTLED + HOUR)
    assert everything() == before


def test_running_again_and_again_counts_the_same_as_one_run_at_the_end(endpoint: Endpoint) -> None:
    count(at("11:19:00"))
    make_traffic(endpoint)
    moment = at("11:19:03")
    while moment < SETTLED:
        count(moment)
        moment += 97 * SECOND
    count(SETTLED)
    one_by_one = everything()
    forget()
    count(SETTLED)
    assert everything() == one_by_one
    assert sum(len(found) for found in one_by_one) == 13


def test_what_comes_late_is_caught_when_it_is_settled_and_never_after(endpoint: Endpoint) -> None:
    make_event_at(endpoint, at("12:00"))
    count(at("12:04:00"))
    delivery = make_delivery_at(endpoint, at("12:01:00"))
    late = fail_at(delivery, at("12:03:45"))
    count(at("12:04:30"))
    assert [(row["events"], row["deliveries"]) for row in rows(AppTally)] == [(1, 0)]
    assert attempts_counted() == [(0, 0)]

    count(at("12:08:59"))
    assert attempts_counted() == [(0, 0)]
    count(at("12:09:00"))
    assert [(row["events"], row["deliveries"], row["failed"]) for row in rows(AppTally)] == [(2, 1, 1)]
    assert rows(FailureTally)[0]["last_attempt"] == late.pk

    succeed_at(delivery, at("12:03:45"), number=2)
    count(SETTLED)
    assert attempts_counted() == [(0, 1)]


def test_what_a_fast_clock_dated_ahead_is_counted_when_its_moment_comes(endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW), NOW + MINUTE)
    count()
    assert AppTally.objects.count() == 0
    count(NOW + 2 * MINUTE)
    assert attempts_counted() == [(1, 0)]


def test_of_two_runners_one_writes(endpoint: Endpoint) -> None:
    make_traffic(endpoint)
    inner = tally._Counted

    def meanwhile(piece: tally._Piece) -> tally._Counted:
        counted = inner(piece)
        with patch("deliveries.tally._Counted", inner):
            while count_traffic():
                pass
        return counted

    for moment in (at("11:26:00"), NOW, SETTLED):
        with patch("deliveries.tally._Counted", meanwhile):
            assert not count(moment)
    both = everything()
    forget()
    count(SETTLED)
    assert everything() == both


@pytest.mark.parametrize("moment", [NOW, SETTLED])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_run_that_is_cut_short_has_changed_nothing(endpoint: Endpoint, moment: dt.datetime, after: int) -> None:
    make_traffic(endpoint)
    count(at("12:02:00"))
    before, progress = everything(), TallyProgress.objects.values().get()
    inner = tally._save
    calls: list[None] = []

    def dies(*arguments: Any, **options: Any) -> None:
        calls.append(None)
        if len(calls) > after:
            raise DatabaseError("gone")
        inner(*arguments, **options)

    def piece_by_piece() -> None:
        nonlocal before, progress
        while count(moment, lambda: True):
            before, progress = everything(), TallyProgress.objects.values().get()

    with patch("deliveries.tally._save", dies), pytest.raises(DatabaseError, match="gone"):
        piece_by_piece()
    assert (everything(), TallyProgress.objects.values().get()) == (before, progress)

    count(SETTLED)
    whole = everything()
    forget()
    count(SETTLED)
    assert everything() == whole
