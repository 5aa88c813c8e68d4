"""engine_status: one look at the whole engine, for people, programs and Prometheus."""

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries import engine_status as module
from deliveries.engine_status import EngineStatus, engine_status
from deliveries.models import Lane
from events.models import Event
from tests.factories import make_app, make_delivery, make_endpoint, make_event
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db
NOTHING = EngineStatus(0, None, 0, None, 0, 0, 0, 0, 0, 0)
HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def app() -> App:
    return make_app("Shop").app


def lane(app: App, **columns: Any) -> Endpoint:
    endpoint = make_endpoint(app)
    Lane.objects.filter(pk=endpoint.pk).update(**columns)
    return endpoint


def run(*options: str) -> str:
    out = StringIO()
    call_command("engine_status", *options, stdout=out)
    return out.getvalue()


def test_an_engine_with_nothing_to_do(app: App) -> None:
    lane(app)

    assert engine_status() == NOTHING


def test_undispatched_events_and_the_age_of_the_oldest(app: App) -> None:
    now = timezone.now()
    other = make_app("Other").app
    for of, age in ((app, MINUTE), (app, 5 * MINUTE), (other, 3 * MINUTE), (other, 9 * MINUTE)):
        event = make_event(of)
        Event.objects.filter(pk=event.pk).update(created_at=now - age, dispatched_at=now if age == 9 * MINUTE else None)
    # The oldest of an app is the one with the least id.
    ages = {MINUTE, 5 * MINUTE, 3 * MINUTE}
    first = Event.objects.filter(app=app).order_by("id").first()
    assert first is not None
    Event.objects.filter(app=app).exclude(pk=first.pk).update(created_at=now)
    Event.objects.filter(pk=first.pk).update(created_at=now - max(ages))

    status = engine_status()

    assert status.undispatched_events == 3
    assert status.oldest_undispatched_seconds is not None
    assert 300 <= status.oldest_undispatched_seconds < 360


def test_lanes_are_due_when_something_may_go_out(app: App) -> None:
    now = timezone.now()
    ago = now - 2 * MINUTE
    lane(app, fresh_from=ago)
    lane(app, retry_from=now - MINUTE)
    lane(app, urgent_from=now - MINUTE, fresh_from=now - HOUR, open_until=now + HOUR)
    # None of these may go out.
    lane(app, fresh_from=now - HOUR, open_until=now + HOUR)
    lane(app, retry_from=now - HOUR, paused_until=now + HOUR)
    lane(app, fresh_from=now - HOUR, held=True)
    lane(app, fresh_from=now - HOUR, in_flight=16)
    lane(app, retry_from=now + HOUR)

    status = engine_status()

    assert status.lanes_due == 3
    assert status.oldest_due_seconds is not None
    assert 120 <= status.oldest_due_seconds < 180


def test_deliveries_in_flight_and_leases_that_ran_out(app: App) -> None:
    endpoint = lane(app)
    for status in ("sending", "sending", "pending", "succeeded"):
        make_delivery(make_event(app), endpoint, status)
    make_delivery(make_event(app), endpoint, "sending", leased_until=timezone.now() - MINUTE)

    status_now = engine_status()

    assert (status_now.deliveries_in_flight, status_now.leases_expired) == (3, 1)


def test_endpoints_that_are_held_back(app: App) -> None:
    now = timezone.now()
    lane(app, open_until=now + HOUR, failing_since=now)
    lane(app, open_until=now - HOUR, failing_since=now)
    lane(app, open_until=now + HOUR, probing=True)
    lane(app, paused_until=now + HOUR)
    lane(app, paused_until=now - HOUR)
    lane(app, open_until=now + HOUR, paused_until=now + HOUR, failing_since=now, closed=True)

    status = engine_status()

    told = (status.breakers_open, status.breakers_half_open, status.endpoints_paused, status.endpoints_failing)
    assert told == (1, 2, 1, 2)


def test_counting_stops_at_a_bound(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNT_AT_MOST", 2)
    for _ in range(3):
        make_event(app)

    assert engine_status().undispatched_events == 2


def test_it_costs_six_queries(app: App) -> None:
    for _ in range(5):
        make_delivery(make_event(app), lane(app), "sending")

    with CaptureQueriesContext(connection) as queries:
        engine_status()

    assert len(queries) == 6


def test_json_is_one_document(app: App) -> None:
    make_delivery(make_event(app), lane(app), "sending")

    assert json.loads(run("--json")) == {
        "undispatched_events": 0,
        "oldest_undispatched_seconds": None,
        "lanes_due": 0,
        "oldest_due_seconds": None,
        "deliveries_in_flight": 1,
        "leases_expired": 0,
        "breakers_open": 0,
        "breakers_half_open": 0,
        "endpoints_paused": 0,
        "endpoints_failing": 0,
    }


def test_people_read_aligned_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    status = EngineStatus(12_345, 75.04, 3, None, 512, 0, 1, 0, 0, 2)
    monkeypatch.setattr("deliveries.management.commands.engine_status.engine_status", lambda: status)

    assert run() == (
        "Events not dispatched yet           12,345\n"
        "Oldest of them                      75.0 s\n"
        "Endpoints with something due             3\n"
        "Oldest due delivery                      -\n"
        "Deliveries in flight                   512\n"
        "Of these late, to be given back          0\n"
        "Endpoints with an open breaker           1\n"
        "Endpoints with a half-open breaker       0\n"
        "Endpoints that asked for a pause         0\n"
        "Endpoints that only fail                 2\n"
    )


def test_prometheus_gets_its_text_format(monkeypatch: pytest.MonkeyPatch) -> None:
    status = EngineStatus(12_345, 75.04, 3, None, 512, 0, 1, 0, 0, 2)
    monkeypatch.setattr("deliveries.management.commands.engine_status.engine_status", lambda: status)

    lines = run("--prometheus").splitlines()

    assert lines[:3] == [
        "# HELP switera_undispatched_events Events whose deliveries are not made yet.",
        "# TYPE switera_undispatched_events gauge",
        "switera_undispatched_events 12345",
    ]
    assert len(lines) == 30
    assert lines[2::3] == [
        "switera_undispatched_events 12345",
        "switera_oldest_undispatched_event_age_seconds 75.04",
        "switera_lanes_due 3",
        "switera_oldest_due_delivery_age_seconds 0",
        "switera_deliveries_in_flight 512",
        "switera_leases_expired 0",
        "switera_breakers_open 1",
        "switera_breakers_half_open 0",
        "switera_endpoints_paused 0",
        "switera_endpoints_failing 2",
    ]


def test_one_format_at_a_time() -> None:
    with pytest.raises(CommandError):
        run("--json", "--prometheus")
