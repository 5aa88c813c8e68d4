"""What the Overview and the list of endpoints tell: exact figures, of one app and environment."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deliveries import statistics
from deliveries.models import Attempt, Delivery, DeliveryStatus, Lane
from deliveries.statistics import (
    EventTypeCount,
    OutcomeCount,
    Period,
    Point,
    Totals,
    WaitingForRetry,
    endpoint_traffic,
    event_type_traffic,
    latest_failures,
    relative_change,
    traffic,
    waiting_for_retry,
)
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
    make_delivery_at,
    make_event_at,
    succeed_at,
)
from tests.factories import make_app, make_endpoint
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db

NOTHING = Totals(0, 0, 0, 0, 0, None, None)


@pytest.fixture
def app() -> App:
    return make_app().app


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app)


@pytest.fixture(autouse=True)
def _now(endpoint: Endpoint) -> Iterator[None]:
    """It is NOW, for all but what counts."""
    with clock(NOW):
        yield


def deliver(endpoint: Endpoint, moment: dt.datetime, *, failures: int = 0, type: str = "order.paid") -> Delivery:
    """A delivery and its attempts, all of that moment."""
    delivery = make_delivery_at(endpoint, moment, type=type)
    for number in range(1, failures + 1):
        fail_at(delivery, moment, ms=100, number=number)
    succeed_at(delivery, moment, ms=10, number=failures + 1)
    return delivery


# Periods -------------------------------------------------------------------------------------------


def test_24_hours_are_48_half_hours_with_the_one_under_way(app: App, endpoint: Endpoint) -> None:
    start = at("12:30") - DAY
    deliver(endpoint, start - SECOND)
    deliver(endpoint, start, failures=1)
    deliver(endpoint, at("11:59:59"), type="order.lost")
    make_event_at(endpoint, at("12:00"), "order.unheard")
    gone = make_delivery_at(endpoint, at("12:00"), DeliveryStatus.FAILED)
    fail_at(gone, at("12:07:19"), response_status=None, error_code="dns_failure", error="No such name.")
    count()

    told = traffic(app, "live", Period.DAY)

    assert (told.since, told.as_of, told.period.length) == (start, at("12:07:20"), DAY)
    assert told.totals == Totals(events=4, deliveries=3, succeeded=2, failed=2, exhausted=1, p50_ms=10, p95_ms=103)
    assert told.totals.success_rate == 0.5
    assert [point.start for point in told.points] == [start + number * 30 * MINUTE for number in range(48)]
    assert {point for point in told.points if point != Point(point.start, 0, 0, 0)} == {
        Point(start, 1, 1, 1),
        Point(at("11:30"), 1, 1, 0),
        Point(at("12:00"), 1, 0, 1),
    }
    assert [point.error_rate for point in (told.points[0], told.points[1], told.points[-1])] == [0.5, None, 1.0]
    assert told.outcomes == (
        OutcomeCount(200, "", 2),
        OutcomeCount(None, "dns_failure", 1),
        OutcomeCount(500, "http_status", 1),
    )
    assert told.event_types == (
        EventTypeCount("order.paid", 2, 2, 1, 2),
        EventTypeCount("order.lost", 1, 1, 1, 0),
        EventTypeCount("order.unheard", 1, 0, 0, 0),
    )
    assert [one.success_rate for one in told.event_types] == [pytest.approx(1 / 3), 1.0, None]
    for one in told.event_types:
        assert event_type_traffic(app, "live", one.event_type, Period.DAY) == one
    assert event_type_traffic(app, "test", "order.paid", Period.DAY) == EventTypeCount("order.paid", 0, 0, 0, 0)


def test_7_days_are_84_times_two_hours_with_those_under_way(app: App, endpoint: Endpoint) -> None:
    start = at("14:00") - 7 * DAY
    for moment in (start - 2 * HOUR - SECOND, start, start + 119 * MINUTE, start + 2 * HOUR, NOW - MINUTE):
        deliver(endpoint, moment)
    count()
    told = traffic(app, "live", Period.WEEK)
    assert (told.since, told.totals.deliveries, told.before.deliveries) == (start, 4, 1)
    assert (event_type_traffic(app, "live", "order.paid", Period.WEEK),) == told.event_types
    assert [point.start for point in told.points] == [start + number * 2 * HOUR for number in range(84)]
    assert [(point.start, point.succeeded) for point in told.points if point.succeeded] == [
        (start, 2),
        (start + 2 * HOUR, 1),
        (at("12:00"), 1),
    ]


def test_the_period_before_ends_where_this_one_does_now(app: App, endpoint: Endpoint) -> None:
    """12:07:20 is counted: of the half hour that began at noon the day before, 440 of 1,800 seconds are taken."""
    for _ in range(9):
        deliver(endpoint, at("12:20") - DAY)
    for _ in range(3):
        deliver(endpoint, at("11:00") - DAY, failures=1)
    deliver(endpoint, at("12:30") - 2 * DAY)
    deliver(endpoint, at("12:29:59") - 2 * DAY)
    deliver(endpoint, at("11:00"))
    count()
    before = traffic(app, "live", Period.DAY).before
    assert before == Totals(events=6, deliveries=6, succeeded=6, failed=3, exhausted=0, p50_ms=10, p95_ms=103)


@pytest.mark.parametrize(
    ("now", "before", "change"), [(106, 100, 0.06), (50, 100, -0.5), (0, 2, -1), (5, 0, None), (None, 1, None)]
)
def test_change_is_relative_to_before(now: float | None, before: float | None, change: float | None) -> None:
    assert relative_change(now, before) == (change if change is None else pytest.approx(change))


def test_an_app_without_traffic_and_one_never_counted(app: App) -> None:
    told = traffic(app, "live", Period.DAY)
    assert (told.as_of, told.totals, told.before) == (None, NOTHING, NOTHING)
    assert (told.totals.success_rate, len(told.points), told.outcomes, told.event_types) == (None, 48, (), ())
    count()
    assert traffic(app, "live", Period.DAY).as_of == at("12:07:20")
    assert (latest_failures(app, "live", 10), endpoint_traffic(app, "live", [])) == ([], {})
    assert waiting_for_retry(app, "live") == WaitingForRetry(0, False, None, None)


# Waiting for a retry -------------------------------------------------------------------------------


def wait(endpoint: Endpoint, due: dt.datetime, *, created: dt.datetime = NOW - HOUR, turn: int = 2) -> Delivery:
    return make_delivery_at(endpoint, created, DeliveryStatus.PENDING, due_at=due, turn=turn, attempt_count=1)


def test_what_waits_for_a_retry_is_counted_now(app: App, endpoint: Endpoint) -> None:
    wait(endpoint, NOW + 12 * SECOND)
    wait(endpoint, NOW + HOUR, created=NOW - 41 * MINUTE)
    wait(make_endpoint(app), NOW + MINUTE, created=NOW - 2 * HOUR)
    # First attempts, replays of what was never tried, test sends, and what is held, sent or ended wait for no retry.
    make_delivery_at(endpoint, NOW - DAY, DeliveryStatus.PENDING, turn=1)
    make_delivery_at(endpoint, NOW - DAY, DeliveryStatus.PENDING, turn=2)
    make_delivery_at(endpoint, NOW - DAY, DeliveryStatus.PENDING, turn=0, attempt_count=1, test=True)
    make_delivery_at(endpoint, NOW - DAY, DeliveryStatus.SENDING, attempt_count=1)
    make_delivery_at(endpoint, NOW - DAY, DeliveryStatus.FAILED, attempt_count=1)
    disabled = make_endpoint(app)
    wait(disabled, NOW, created=NOW - DAY)
    Endpoint.objects.filter(pk=disabled.pk).update(disabled_at=NOW, disabled_reason="manual")
    assert waiting_for_retry(app, "live") == WaitingForRetry(3, False, NOW - 2 * HOUR, NOW + 12 * SECOND)


@pytest.mark.parametrize("column", ["open_until", "paused_until"])
def test_the_next_retry_waits_for_its_breaker_or_pause_but_not_what_a_person_asked_for(
    app: App, endpoint: Endpoint, column: str
) -> None:
    Lane.objects.filter(pk=endpoint.pk).update(**{column: NOW + MINUTE})
    wait(endpoint, NOW - SECOND)
    assert waiting_for_retry(app, "live").next_at == NOW + MINUTE
    wait(endpoint, NOW + SECOND, turn=0)
    assert waiting_for_retry(app, "live").next_at == NOW + SECOND


def test_a_great_many_that_wait_are_not_all_counted(
    app: App, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "WAITING_AT_MOST", 3)
    for _ in range(3):
        wait(endpoint, NOW + MINUTE)
    assert waiting_for_retry(app, "live") == WaitingForRetry(3, False, NOW - HOUR, NOW + MINUTE)
    wait(endpoint, NOW + MINUTE)
    assert waiting_for_retry(app, "live") == WaitingForRetry(3, True, NOW - HOUR, NOW + MINUTE)


# The latest failures -------------------------------------------------------------------------------


def test_failures_are_told_by_endpoint_and_cause_the_latest_first(app: App, endpoint: Endpoint) -> None:
    delivery = make_delivery_at(endpoint, at("08:00"), DeliveryStatus.PENDING)
    for number, time in enumerate(("08:00:01", "09:15:00", "12:07:01"), 1):
        fail_at(delivery, at(time), number=number, response_status=401)
    other = make_endpoint(app, name="Old portal")
    expired = make_delivery_at(other, at("12:00"))
    fail_at(expired, at("12:00:01"), response_status=None, error_code="tls_expired", error="It has expired.")
    slow = make_delivery_at(endpoint, at("12:01"))
    fail_at(slow, at("12:01:30"), response_status=None, error_code="timeout", error="Too slow.")
    # Longer ago than 24 hours.
    fail_at(make_delivery_at(endpoint, at("12:59") - DAY), at("12:59") - DAY, response_status=418)
    count()

    told = latest_failures(app, "live", 10)

    assert [
        (one.endpoint, one.response_status, one.error_code, one.attempts, one.first_at, one.last_at, one.delivery_id)
        for one in told
    ] == [
        (endpoint, 401, "http_status", 3, at("08:00:01"), at("12:07:01"), delivery.pk),
        (endpoint, None, "timeout", 1, at("12:01:30"), at("12:01:30"), slow.pk),
        (other, None, "tls_expired", 1, at("12:00:01"), at("12:00:01"), expired.pk),
    ]
    assert latest_failures(app, "live", 2) == told[:2]


def test_what_was_deleted_is_not_told_of(app: App, endpoint: Endpoint) -> None:
    for one in (endpoint, make_endpoint(app)):
        fail_at(make_delivery_at(one, NOW - HOUR), NOW - HOUR)
    count()
    Endpoint.objects.filter(pk=endpoint.pk).update(deleted_at=NOW)
    (failure,) = latest_failures(app, "live", 10)
    assert (failure.endpoint.pk != endpoint.pk, failure.delivery_id is not None) == (True, True)
    Attempt.objects.all().delete()
    (failure,) = latest_failures(app, "live", 10)
    assert (failure.attempts, failure.last_at, failure.delivery_id) == (1, NOW - HOUR, None)


def test_of_very_many_failures_the_latest_are_found_and_told_of_whole(
    app: App, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "FAILURE_ROWS", 2)
    delivery = make_delivery_at(endpoint, NOW - 5 * HOUR)
    for number in range(1, 6):
        fail_at(delivery, NOW - (6 - number) * HOUR, number=number)
        fail_at(make_delivery_at(make_endpoint(app), NOW - 3 * HOUR), NOW - 3 * HOUR)
    count()
    (failure,) = latest_failures(app, "live", 10)
    assert (failure.endpoint, failure.attempts, failure.first_at) == (endpoint, 5, NOW - 5 * HOUR)
    assert failure.last_at == NOW - HOUR


# Endpoints -----------------------------------------------------------------------------------------


def test_an_endpoint_has_24_hours_a_rate_and_its_last_delivery(app: App, endpoint: Endpoint) -> None:
    quiet = make_endpoint(app)
    deliver(endpoint, at("12:59:59") - DAY)
    deliver(endpoint, at("13:00") - DAY, failures=2)
    deliver(endpoint, at("12:00"))
    last = make_delivery_at(endpoint, NOW, DeliveryStatus.PENDING)
    make_delivery_at(endpoint, NOW + SECOND, test=True)
    count()

    told = endpoint_traffic(app, "live", [endpoint, quiet])

    assert set(told) == {endpoint.pk, quiet.pk}
    one = told[endpoint.pk]
    start = at("13:00") - DAY
    assert [hour.start for hour in one.hours] == [start + number * HOUR for number in range(24)]
    assert (one.hours[0], one.hours[-1]) == (Point(start, 1, 1, 2), Point(at("12:00"), 1, 1, 0))
    assert (one.deliveries, one.succeeded, one.failed, one.success_rate) == (2, 2, 2, 0.5)
    assert one.last_delivery == last
    nothing = told[quiet.pk]
    assert (nothing.deliveries, nothing.success_rate, nothing.last_delivery) == (0, None, None)
    assert len(nothing.hours) == 24


# Nobody else's -------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["app", "environment"])
def test_nothing_of_another_app_or_environment_is_told(app: App, endpoint: Endpoint, other: str) -> None:
    """S33, S34."""
    theirs = make_endpoint(make_app("Rival").app) if other == "app" else make_endpoint(app, environment="test")
    deliver(theirs, at("12:00"), failures=1)
    wait(theirs, NOW)
    deliver(theirs, at("12:00") - DAY)
    count()
    for period in Period:
        told = traffic(app, "live", period)
        assert (told.totals, told.before, told.outcomes, told.event_types) == (NOTHING, NOTHING, (), ())
    assert waiting_for_retry(app, "live").count == 0
    assert latest_failures(app, "live", 10) == []
    assert set(endpoint_traffic(app, "live", [endpoint, theirs])) == {endpoint.pk}
    # And all of it is told to whom it belongs.
    mine = (theirs.app, theirs.environment)
    assert traffic(*mine, Period.DAY).totals.deliveries == 2
    assert (waiting_for_retry(*mine).count, len(latest_failures(*mine, 10))) == (1, 1)
    assert endpoint_traffic(*mine, [theirs])[theirs.pk].deliveries == 2


# What it costs -------------------------------------------------------------------------------------


def test_statements_are_the_same_however_much_there_is(app: App, endpoint: Endpoint) -> None:
    def statements(ask: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as queries:
            ask()
        return len(queries)

    def all_of_them() -> list[int]:
        endpoints = list(Endpoint.objects.filter(app=app))
        return [
            statements(lambda: traffic(app, "live", Period.DAY)),
            statements(lambda: traffic(app, "live", Period.WEEK)),
            statements(lambda: waiting_for_retry(app, "live")),
            statements(lambda: latest_failures(app, "live", 10)),
            statements(lambda: endpoint_traffic(app, "live", endpoints)),
        ]

    deliver(endpoint, NOW - HOUR, failures=1)
    count()
    few = all_of_them()
    for number in range(20):
        one = make_endpoint(app)
        wait(one, NOW)
        deliver(one, NOW - (number + 1) * HOUR, failures=2, type=f"order.number{number}")
    count(NOW + DAY)
    assert (few, all_of_them()) == ([3, 3, 1, 4, 3], [3, 3, 1, 4, 3])
