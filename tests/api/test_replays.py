"""Replays over REST: started, read, canceled."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from deliveries.endpoints import delete_endpoint
from deliveries.models import Delivery, Replay
from deliveries.replay_batches import work_on_replays
from events.models import Event
from switera_webhooks.times import iso
from tests.api.conftest import Api, refusal
from tests.factories import ACTOR, make_delivery, make_endpoint, make_event
from webhooks.app_setup import CreatedApp
from webhooks.models import AuditEntry, Endpoint

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def endpoint(shop: CreatedApp) -> Endpoint:
    return make_endpoint(shop.app)


def start(api: Api, endpoint: Endpoint, kind: str = "failed", **fields: object) -> dict[str, Any]:
    answer = api.post("replays", {"endpoint_id": endpoint.public_id, "kind": kind, **fields})
    assert answer.status_code == 202, answer.json()
    body: dict[str, Any] = answer.json()
    return body


def work() -> None:
    work_on_replays(lambda: False)


def test_a_replay_has_a_count_and_progress(live_api: Api, shop: CreatedApp, endpoint: Endpoint) -> None:
    """S41."""
    for _ in range(2):
        make_delivery(make_event(shop.app), endpoint, "failed")
    after = iso(timezone.now() - HOUR)

    body = start(live_api, endpoint, after=after, event_type="order.paid")

    replay = Replay.objects.get()
    expected = {
        "id": replay.public_id,
        "kind": "failed",
        "environment": "live",
        "endpoint_id": endpoint.public_id,
        "event_type": "order.paid",
        "event_id": None,
        "organization_id": None,
        "response_status": None,
        "error_code": None,
        "test": False,
        "after": after,
        "before": iso(replay.created_at),
        "status": "queued",
        "count": 2,
        "progress": 0,
        "retried": 0,
        "created": 0,
        "skipped": 0,
        "created_at": iso(replay.created_at),
        "finished_at": None,
    }
    assert body == expected
    answer = live_api.get(f"replays/{replay.public_id}")
    assert (answer.status_code, answer.json()) == (200, expected)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"failed"}

    work()

    replay.refresh_from_db()
    done = live_api.get(f"replays/{replay.public_id}").json()
    assert replay.finished_at is not None
    assert done == expected | {
        "status": "completed",
        "progress": 2,
        "retried": 2,
        "finished_at": iso(replay.finished_at),
    }
    entry = AuditEntry.objects.get(actor_type="api_key")
    assert (entry.action, entry.target_id) == ("replay.started", replay.public_id)


@pytest.mark.parametrize(
    ("kind", "retried", "created", "skipped"), [("failed", 1, 0, 0), ("missing", 0, 1, 0), ("all", 3, 1, 1)]
)
def test_each_kind_comes_to_its_own(
    live_api: Api, shop: CreatedApp, endpoint: Endpoint, kind: str, retried: int, created: int, skipped: int
) -> None:
    for status in ("failed", "succeeded", "canceled", "sending"):
        make_delivery(make_event(shop.app), endpoint, status)
    make_delivery(_test_event(shop), endpoint, "failed", test=True)
    make_event(shop.app)
    Event.objects.filter(dispatched_at=None).update(dispatched_at=timezone.now())

    body = start(live_api, endpoint, kind)
    work()

    done = live_api.get(f"replays/{body['id']}").json()
    assert [done[name] for name in ("status", "retried", "created", "skipped")] == [
        "completed",
        retried,
        created,
        skipped,
    ]
    assert done["count"] == done["progress"] == retried + created + skipped
    assert Delivery.objects.get(test=True).status == "failed"


def _test_event(shop: CreatedApp) -> Event:
    event = make_event(shop.app)
    Event.objects.filter(pk=event.pk).update(test=True)
    event.refresh_from_db()
    return event


def test_the_window_leaves_its_own_moments_out(live_api: Api, shop: CreatedApp, endpoint: Endpoint) -> None:
    now = timezone.now()
    first, second, third = (
        make_delivery(make_event(shop.app), endpoint, "failed", created_at=now - dt.timedelta(seconds=seconds))
        for seconds in (30, 20, 10)
    )

    start(live_api, endpoint, after=iso(first.created_at), before=iso(third.created_at))
    work()

    assert list(Delivery.objects.filter(status="pending")) == [second]


def test_the_end_of_the_window_is_now_at_the_latest(live_api: Api, endpoint: Endpoint) -> None:
    body = start(live_api, endpoint, before=iso(timezone.now() + HOUR))
    assert body["before"] == body["created_at"]


def test_null_is_as_if_left_out(live_api: Api, shop: CreatedApp, endpoint: Endpoint) -> None:
    make_delivery(make_event(shop.app), endpoint, "failed")
    body = start(live_api, endpoint, after=None, before=None, event_type=None)
    assert (body["count"], body["after"], body["event_type"]) == (1, None, None)
    assert start(live_api, endpoint)["id"] == body["id"]


def test_the_same_replay_started_while_it_runs_is_the_same_job(
    live_api: Api, shop: CreatedApp, endpoint: Endpoint
) -> None:
    """S41."""
    make_delivery(make_event(shop.app), endpoint, "failed")

    body = start(live_api, endpoint)
    assert start(live_api, endpoint) == body
    assert Replay.objects.count() == 1
    work()
    assert start(live_api, endpoint)["id"] != body["id"]


def test_a_running_replay_can_be_canceled_once(live_api: Api, shop: CreatedApp, endpoint: Endpoint) -> None:
    delivery = make_delivery(make_event(shop.app), endpoint, "failed")
    path = f"replays/{start(live_api, endpoint)['id']}/cancel"

    answer = live_api.post(path, {})

    assert (answer.status_code, answer.json()["status"], answer.json()["progress"]) == (200, "canceled", 0)
    assert refusal(live_api.post(path)) == (409, "replay_ended", {})
    work()
    delivery.refresh_from_db()
    assert delivery.status == "failed"
    actions = AuditEntry.objects.filter(actor_type="api_key").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["replay.started", "replay.canceled"]


def test_more_than_the_maximum_is_429_and_starts_nothing(
    live_api: Api, shop: CreatedApp, endpoint: Endpoint, settings: Settings
) -> None:
    """S39."""
    settings.WEBHOOKS_REPLAY_MAX = 1
    for _ in range(2):
        make_delivery(make_event(shop.app), endpoint, "failed")

    answer = live_api.post("replays", {"endpoint_id": endpoint.public_id, "kind": "failed"})

    assert refusal(answer) == (429, "replay_too_large", {})
    assert answer.headers["Retry-After"] == "60"
    assert (Replay.objects.count(), AuditEntry.objects.filter(actor_type="api_key").count()) == (0, 0)


def test_a_deleted_endpoint_is_409(live_api: Api, endpoint: Endpoint) -> None:
    delete_endpoint(endpoint, ACTOR)

    answer = live_api.post("replays", {"endpoint_id": endpoint.public_id, "kind": "all"})

    assert refusal(answer) == (409, "endpoint_deleted", {})
    assert Replay.objects.count() == 0


REQUIRED = "This field is required."
TIME = "Give an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00Z."


@pytest.mark.parametrize(
    ("fields", "code", "details"),
    [
        ({"endpoint_id": ...}, "invalid", {"endpoint_id": [REQUIRED]}),
        ({"kind": ...}, "invalid", {"kind": [REQUIRED]}),
        (
            {"endpoint_id": "evt_01m84w1vmver3skjvqwnncx601"},
            "invalid",
            {"endpoint_id": ["Give an id that starts with ep_."]},
        ),
        ({"endpoint_id": None}, "invalid", {"endpoint_id": ["This field may not be null."]}),
        ({"kind": "canceled"}, "invalid", {"kind": ['"canceled" is not a valid choice.']}),
        ({"after": "yesterday"}, "invalid", {"after": [TIME]}),
        ({"before": 1767225600}, "invalid", {"before": [TIME]}),
        ({"event_type": "order.*"}, "invalid", {"event_type": ["Give the name of an event type, such as order.paid."]}),
        ({"status": "failed"}, "unknown_field", {"status": ["There is no such field to set."]}),
        (
            {"after": "2026-01-02T00:00:00Z", "before": "2026-01-02T00:00:00Z"},
            "invalid",
            {"before": ["before must be later than after."]},
        ),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_starts(
    live_api: Api, endpoint: Endpoint, fields: dict[str, object], code: str, details: dict[str, list[str]]
) -> None:
    body = {"endpoint_id": endpoint.public_id, "kind": "failed", **fields}

    answer = live_api.post("replays", {name: value for name, value in body.items() if value is not ...})

    assert refusal(answer) == (400, code, details)
    assert Replay.objects.count() == 0


def test_canceling_takes_no_fields(live_api: Api, shop: CreatedApp, endpoint: Endpoint) -> None:
    make_delivery(make_event(shop.app), endpoint, "failed")
    id = start(live_api, endpoint)["id"]

    answer = live_api.post(f"replays/{id}/cancel", {"force": True})

    assert refusal(answer)[:2] == (400, "unknown_field")
    assert live_api.get(f"replays/{id}").json()["status"] == "queued"


def test_reading_a_replay_costs_two_queries(live_api: Api, shop: CreatedApp, endpoint: Endpoint) -> None:
    make_delivery(make_event(shop.app), endpoint, "failed")
    id = start(live_api, endpoint)["id"]
    with CaptureQueriesContext(connection) as queries:
        live_api.get(f"replays/{id}")

    assert len(queries) == 2
