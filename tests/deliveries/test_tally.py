"""Counting: exactly once, whatever comes late, twice, or is cut short."""

import datetime as dt
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from deliveries import tally, tasks
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
from deliveries.retention import Pruned, prune_history
from deliveries.tally import TALLIES, bucket_start, count_traffic, counted_until, prune_tallies
from events.models import Event
from switera_webhooks.celery import TALLY_TASK
from switera_webhooks.celery import app as celery_app
from tests.deliveries.traffic import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    at,
    clock,
    count,
    fail_at,
    forget,
    make_delivery_at,
    make_event_at,
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


def rows(model: type[Any]) -> list[dict[str, Any]]:
    """All rows but for their ids, summed over slices, as pages sum them."""
    sums: dict[object, Any] = {}
    for row in sorted(model.objects.all(), key=lambda row: (row.start, str(row.key))):
        same = sums.setdefault((row.start, row.key), row)
        if same is not row:
            same.add(row)
    hidden = {"_state", "id", "slice"}
    return [{name: value for name, value in vars(row).items() if name not in hidden} for row in sums.values()]


def everything() -> list[Any]:
    return [rows(model) for model in TALLIES]


def slices() -> int:
    return sum(model._default_manager.filter(slice__gt=0).count() for model in TALLIES)


def attempts_counted() -> list[tuple[int, int]]:
    return [(row["succeeded"], row["failed"]) for row in rows(AppTally)]


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


def test_every_minute_of_running_counts_the_same_as_one_run_at_the_end(endpoint: Endpoint) -> None:
    count(at("11:19:00"))
    make_traffic(endpoint)
    moment = at("11:19:03")
    while moment < SETTLED:
        count(moment)
        moment += 47 * SECOND
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


# Catching up ---------------------------------------------------------------------------------------


def test_after_days_without_a_scheduler_all_is_counted_in_pieces(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "ATTEMPTS_AT_ONCE", 2)
    count(NOW - 3 * DAY)
    delivery = make_delivery_at(endpoint, NOW - 2 * DAY)
    for number in range(1, 8):
        succeed_at(delivery, at("09:00") - DAY + number * 20 * SECOND, number=number)
    ends: list[dt.datetime | None] = []
    while count(NOW, lambda: True):
        ends.append(counted_until())
    begun = ends.index(at("09:00") - DAY)
    # The third attempt is at 9:01:00: what comes before it is two. A minute at least: three of them are in the next.
    assert [end and end.time() for end in ends[begun + 1 : begun + 5]] == [
        dt.time(9, 1),
        dt.time(9, 2),
        dt.time(9, 30),
        dt.time(10, 0),
    ]
    # Half hours, then what is not settled yet.
    assert (ends[-1], counted_until()) == (at("12:07:20"), at("12:07:20"))
    assert attempts_counted() == [(0, 0), (7, 0)]
    assert slices() == 0


def test_the_first_time_counting_begins_with_the_oldest_event_or_what_pages_show(endpoint: Endpoint) -> None:
    count()
    progress = TallyProgress.objects.get()
    assert (progress.settled_until, progress.counted_until) == (at("12:02:00"), at("12:07:20"))

    for days in (2, 20):
        TallyProgress.objects.all().delete()
        succeed_at(make_delivery_at(endpoint, NOW - days * DAY), NOW - days * DAY)
        assert count(NOW, lambda: True)
        # The first piece is half an hour.
        assert counted_until() == at("12:30") - min(days, 15) * DAY


def test_nothing_is_told_before_counting_began() -> None:
    assert counted_until() is None


def test_a_piece_costs_the_same_however_much_it_holds(endpoint: Endpoint) -> None:
    def statements(moment: dt.datetime) -> int:
        with CaptureQueriesContext(connection) as queries:
            count(moment, lambda: True)
        return len(queries)

    count(at("12:00:00"))
    for number in range(3):
        fail_at(make_delivery_at(endpoint, at(f"12:01:0{number}")), at(f"12:01:0{number}"))
    others = [make_endpoint(endpoint.app) for _ in range(3)]
    for number in range(30):
        one = others[number % 3]
        delivery = make_delivery_at(one, at("12:01:12"), type=f"order.number{number}")
        fail_at(delivery, at("12:01:13"), ms=number * 100, response_status=500 + number)
    while counted_until() != at("12:01:00"):
        count(at("12:01:40"), lambda: True)
    few, many = statements(at("12:01:40")), statements(at("12:01:40"))
    # Where reads are in a transaction of their own, three more.
    expected = 14 if connection.vendor == "postgresql" else 11
    assert (few, many, counted_until()) == (expected, expected, at("12:01:20"))


# Going away ----------------------------------------------------------------------------------------


def make_old(endpoint: Endpoint) -> None:
    """A row of each kind for each of these ages, in the order in which they come to be."""
    fail_at(make_delivery_at(endpoint, NOW), NOW)
    count(NOW + MINUTE)
    for model in TALLIES:
        row = model._default_manager.get()
        row.delete()
        for days in (16, 14, 3, 1):
            row.pk, row.start, row.slice = None, bucket_start(NOW, HOUR) - days * DAY, 0
            row.save(force_insert=True)


def ages() -> list[list[int]]:
    """Of the rows of each kind, in days."""
    return [[(NOW - row.start).days for row in model._default_manager.order_by("start")] for model in TALLIES]


def test_what_no_page_shows_any_more_is_pruned(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "ROWS_AT_ONCE", 1)
    make_old(endpoint)
    assert ages() == [[16, 14, 3, 1]] * 4
    with clock(NOW):
        assert prune_tallies(lambda: True)
        assert ages() == [[14, 3, 1]] + [[16, 14, 3, 1]] * 3
        assert not prune_tallies()
    assert ages() == [[14, 3, 1], [14, 3, 1], [1], [1]]


def test_the_nightly_run_prunes_tallies_too(endpoint: Endpoint, settings: Settings) -> None:
    settings.WEBHOOKS_RETENTION_DAYS = 10_000
    make_old(endpoint)
    with clock(NOW):
        assert prune_history() == Pruned()
    assert ages() == [[14, 3, 1], [14, 3, 1], [1], [1]]


@pytest.mark.parametrize("what", [lambda one: one, lambda one: one.app])
def test_tallies_go_with_their_endpoint_or_app(endpoint: Endpoint, what: Callable[[Endpoint], Any]) -> None:
    """S32."""
    other = make_endpoint(make_app("Other").app)
    for one in (endpoint, other):
        fail_at(make_delivery_at(one, at("12:00")), at("12:00:01"))
    count()
    Delivery.objects.filter(endpoint=endpoint).delete()
    Event.objects.filter(app=endpoint.app).delete()
    gone = what(endpoint)
    gone.delete()
    left = [endpoint.app_id] if gone is endpoint else []
    assert {row.endpoint_id for row in EndpointTally.objects.all()} == {other.pk}
    assert {row.endpoint_id for row in FailureTally.objects.all()} == {other.pk}
    assert {row.app_id for row in AppTally.objects.all()} == {other.app_id, *left}
    assert {row.app_id for row in EventTypeTally.objects.all()} == {other.app_id, *left}


# The task ------------------------------------------------------------------------------------------


def test_the_task_is_in_the_schedule_and_counts(endpoint: Endpoint) -> None:
    entry = celery_app.conf.beat_schedule["tally"]
    assert (entry["task"], entry["schedule"], entry["options"]) == (TALLY_TASK, 10.0, {"expires": 10})
    assert entry["task"] == tasks.tally.name
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    with clock(NOW):
        tasks.tally()
    assert attempts_counted() == [(1, 0)]


@pytest.mark.django_db(transaction=True)
def test_the_task_goes_on_where_its_connection_was_lost(endpoint: Endpoint) -> None:
    succeed_at(make_delivery_at(endpoint, NOW - HOUR), NOW - HOUR)
    inner = tally._save
    lost = [OperationalError("gone")]

    def loses_one(*arguments: Any, **options: Any) -> None:
        if lost:
            raise lost.pop()
        inner(*arguments, **options)

    with clock(NOW), patch("deliveries.tally._save", loses_one):
        tasks.tally()
    assert (lost, attempts_counted()) == ([], [(1, 0)])
