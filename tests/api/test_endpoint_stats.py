"""How an endpoint is doing, over REST: outcomes, response times, its breaker and its pause."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries import endpoint_stats
from deliveries.models import Delivery, Lane
from switera_webhooks.ids import first_id_at
from switera_webhooks.times import iso
from tests.api.conftest import Api
from tests.factories import make_attempt, make_delivery, make_endpoint, make_event
from webhooks.app_setup import CreatedApp
from webhooks.models import Endpoint

HOUR = dt.timedelta(hours=1)
INDEXES = ("delivery_of_endpoint", "delivery_due", "attempt_number_once", "_pkey")
NOTHING = {"created": 0, "succeeded": 0, "failed": 0, "success_rate": None}


@pytest.fixture
def endpoint(shop: CreatedApp) -> Endpoint:
    return make_endpoint(shop.app)


def stats(api: Api, endpoint: Endpoint) -> dict[str, Any]:
    answer = api.get(f"endpoints/{endpoint.public_id}/stats")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def deliver(endpoint: Endpoint, status: str, *, ago: dt.timedelta = HOUR, **columns: Any) -> Delivery:
    """A delivery created so long ago, in its id too."""
    created_at = timezone.now() - ago
    key = uuid.UUID(int=first_id_at(created_at).int + uuid.uuid4().int % 2**64)
    event = make_event(endpoint.app, environment=endpoint.environment)
    return make_delivery(event, endpoint, status, id=key, created_at=created_at, **columns)


def change_lane(endpoint: Endpoint, **columns: Any) -> None:
    Lane.objects.filter(pk=endpoint.pk).update(**columns)


def test_a_new_endpoint_has_nothing_to_tell(live_api: Api, endpoint: Endpoint) -> None:
    body = stats(live_api, endpoint)

    since_day, since_week = (body["deliveries"][name].pop("since") for name in ("last_24_hours", "last_7_days"))
    assert dt.datetime.fromisoformat(since_day) - dt.datetime.fromisoformat(since_week) == dt.timedelta(days=6)
    assert body == {
        "deliveries": {"last_24_hours": NOTHING, "last_7_days": NOTHING},
        "pending": {"first_attempt": 0, "retry": 0, "held": 0},
        "response_times": {"attempts": 0, "p50_ms": None, "p95_ms": None},
        "circuit_breaker": {"state": "closed", "open_until": None, "failures_in_a_row": 0},
        "paused_until": None,
        "failing_since": None,
        "concurrency": {"in_flight": 0, "limit": 16},
    }


def test_outcomes_are_those_of_a_day_and_of_a_week(live_api: Api, endpoint: Endpoint) -> None:
    day = dt.timedelta(days=1)
    for status in ("succeeded", "succeeded", "failed", "pending", "sending", "canceled"):
        deliver(endpoint, status)
    deliver(endpoint, "succeeded", test=True)
    deliver(endpoint, "failed", ago=day + dt.timedelta(minutes=1))
    deliver(endpoint, "succeeded", ago=7 * day - dt.timedelta(minutes=1))
    deliver(endpoint, "failed", ago=7 * day + dt.timedelta(minutes=1))
    deliver(make_endpoint(endpoint.app), "succeeded")

    body = stats(live_api, endpoint)["deliveries"]

    of_day, of_week = body["last_24_hours"], body["last_7_days"]
    assert (of_day["created"], of_day["succeeded"], of_day["failed"], of_day["success_rate"]) == (6, 2, 1, 0.6667)
    assert (of_week["created"], of_week["succeeded"], of_week["failed"], of_week["success_rate"]) == (8, 3, 2, 0.6)


def test_what_is_pending_waits_for_one_thing_each(live_api: Api, endpoint: Endpoint) -> None:
    deliver(endpoint, "pending")
    for turn in (0, 2):
        deliver(endpoint, "pending", turn=turn, attempt_count=1)
    deliver(endpoint, "pending", turn=2)  # a replay of what it never got
    deliver(endpoint, "sending")
    deliver(endpoint, "pending", turn=0, test=True)

    assert stats(live_api, endpoint)["pending"] == {"first_attempt": 3, "retry": 2, "held": 0}
    live_api.post(f"endpoints/{endpoint.public_id}/disable")
    assert stats(live_api, endpoint)["pending"] == {"first_attempt": 1, "retry": 0, "held": 4}


def test_response_times_are_those_of_attempts_of_the_last_day(live_api: Api, endpoint: Endpoint) -> None:
    delivery = deliver(endpoint, "succeeded")
    for number in range(1, 20):
        make_attempt(delivery, number, duration_ms=number * 10)
    make_attempt(delivery, 20, duration_ms=15_000, response_status=None, error_code="timeout")
    # Neither of them says how fast the endpoint answers now.
    make_attempt(delivery, 21, duration_ms=1, response_status=None, error_code="connection_refused")
    make_attempt(delivery, 22, duration_ms=1, started_at=timezone.now() - dt.timedelta(hours=25))
    retried = deliver(endpoint, "succeeded", ago=dt.timedelta(days=2))
    make_attempt(retried, duration_ms=195)
    make_attempt(deliver(endpoint, "succeeded", test=True), duration_ms=1)

    assert stats(live_api, endpoint)["response_times"] == {"attempts": 21, "p50_ms": 110, "p95_ms": 195}


def test_only_the_newest_rows_are_looked_at(live_api: Api, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_stats, "ROWS_AT_MOST", 3)
    monkeypatch.setattr(endpoint_stats, "TIMED_AT_MOST", 10)
    for hours in (6, 5, 4, 3, 2):
        make_attempt(deliver(endpoint, "failed", ago=hours * HOUR), duration_ms=hours)
    for _ in range(4):
        deliver(endpoint, "pending")
        deliver(endpoint, "pending", turn=2, attempt_count=1)

    body = stats(live_api, endpoint)

    newest = Delivery.objects.order_by("-id")[:3]
    expected = {"since": iso(newest[2].created_at), "created": 3, "succeeded": 0, "failed": 0, "success_rate": None}
    assert body["deliveries"] == {"last_24_hours": expected, "last_7_days": expected}
    assert body["pending"] == {"first_attempt": 3, "retry": 3, "held": 0}
    assert body["response_times"] == {"attempts": 2, "p50_ms": 2, "p95_ms": 3}


def test_an_open_breaker_a_pause_and_the_room_are_told(live_api: Api, endpoint: Endpoint) -> None:
    until = timezone.now() + HOUR
    since = timezone.now() - HOUR
    change_lane(
        endpoint, open_until=until, failures_in_a_row=12, paused_until=until, failing_since=since, in_flight=3, cap=4
    )

    body = stats(live_api, endpoint)

    assert body["circuit_breaker"] == {"state": "open", "open_until": iso(until), "failures_in_a_row": 12}
    assert (body["paused_until"], body["failing_since"]) == (iso(until), iso(since))
    assert body["concurrency"] == {"in_flight": 3, "limit": 4}


@pytest.mark.parametrize(("probing", "ahead"), [(True, HOUR), (False, -HOUR)])
def test_a_half_open_breaker_and_a_pause_that_ended(
    live_api: Api, endpoint: Endpoint, probing: bool, ahead: dt.timedelta
) -> None:
    now = timezone.now()
    change_lane(endpoint, open_until=now + ahead, probing=probing, failures_in_a_row=10, paused_until=now - HOUR)

    body = stats(live_api, endpoint)

    assert body["circuit_breaker"] == {"state": "half_open", "open_until": None, "failures_in_a_row": 10}
    assert body["paused_until"] is None


def test_nothing_of_another_endpoint_or_app_is_counted(
    live_api: Api, rival_api: Api, endpoint: Endpoint, rival: CreatedApp
) -> None:
    """S34."""
    theirs = make_endpoint(rival.app)
    for status in ("pending", "succeeded"):
        make_attempt(deliver(theirs, status))

    body = stats(live_api, endpoint)

    assert (body["deliveries"]["last_7_days"]["created"], body["pending"]["first_attempt"]) == (0, 0)
    assert body["response_times"]["attempts"] == 0
    body = stats(rival_api, theirs)
    assert (body["deliveries"]["last_7_days"]["created"], body["pending"]["retry"]) == (2, 1)
    assert body["response_times"]["attempts"] == 2


@pytest.mark.parametrize("count", [0, 12])
def test_the_answer_costs_eight_queries(live_api: Api, endpoint: Endpoint, count: int) -> None:
    """The key, the endpoint, and six for the figures."""
    for _ in range(count):
        make_attempt(deliver(endpoint, "pending"))
    live_api.get("endpoints")  # the first request of a key notes that it was used

    with CaptureQueriesContext(connection) as queries:
        stats(live_api, endpoint)

    assert len(queries) == 8


@pytest.mark.postgresql
def test_the_history_is_read_by_the_endpoints_own_indexes(live_api: Api, endpoint: Endpoint) -> None:
    endpoints = [endpoint, *(make_endpoint(endpoint.app) for _ in range(49))]
    for status in ["pending", *["succeeded"] * 19]:
        event = make_event(endpoint.app)
        for one in endpoints:
            make_attempt(make_delivery(event, one, status))
    live_api.get("endpoints")
    with CaptureQueriesContext(connection) as queries:
        stats(live_api, endpoint)

    with connection.cursor() as cursor:
        cursor.execute("analyze deliveries_delivery, deliveries_attempt")
        # A thousand rows are read whole whatever the indexes are; this asks which of them serve.
        cursor.execute("set local enable_seqscan = off")
        plans = []
        for query in queries.captured_queries[2:]:
            cursor.execute("explain " + query["sql"])
            plans.append("\n".join(row[0] for row in cursor.fetchall()))

    assert [[name for name in INDEXES if name in plan] for plan in plans] == [
        ["delivery_of_endpoint"],
        ["_pkey"],  # its lane
        ["delivery_due"],
        ["delivery_due"],
        ["delivery_due"],
        ["delivery_of_endpoint", "attempt_number_once"],
    ]
    assert not any("Seq Scan" in plan for plan in plans)
