"""Deliveries over REST: listed, filtered, read with their attempts, tried again, canceled."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.endpoints import delete_endpoint, disable_endpoint
from deliveries.models import Delivery, Lane
from switera_webhooks.times import iso
from tests.api.conftest import Api, refusal
from tests.factories import ACTOR, make_attempt, make_delivery, make_endpoint, make_event
from webhooks.app_setup import CreatedApp
from webhooks.models import AuditEntry, DisabledReason

HOUR = dt.timedelta(hours=1)
SHAPE = {
    "id",
    "event_id",
    "event_type",
    "endpoint_id",
    "environment",
    "test",
    "status",
    "attempt_count",
    "response_status",
    "error_code",
    "error",
    "held",
    "next_attempt_at",
    "last_attempt_at",
    "created_at",
}


@pytest.fixture
def delivery(shop: CreatedApp) -> Delivery:
    return make_delivery(make_event(shop.app), make_endpoint(shop.app))


def test_a_delivery_that_waits_for_its_first_attempt(live_api: Api, delivery: Delivery) -> None:
    expected = {
        "id": delivery.public_id,
        "event_id": delivery.event.public_id,
        "event_type": "order.paid",
        "endpoint_id": delivery.endpoint.public_id,
        "environment": "live",
        "test": False,
        "status": "pending",
        "attempt_count": 0,
        "response_status": None,
        "error_code": None,
        "error": None,
        "held": False,
        "next_attempt_at": delivery.due_at and iso(delivery.due_at),
        "last_attempt_at": None,
        "created_at": iso(delivery.created_at),
    }

    assert live_api.get("deliveries").json() == {"items": [expected], "next": None, "previous": None}
    answer = live_api.get(f"deliveries/{delivery.public_id}")
    assert (answer.status_code, answer.json()) == (200, expected | {"attempts": []})


def test_a_delivery_alone_has_its_attempts_oldest_first(live_api: Api, delivery: Delivery) -> None:
    failed = make_attempt(
        delivery, response_headers=[["X-A", "1"], ["X-B", "2"], ["X-A", "3"]], response_truncated=True
    )
    lost = make_attempt(
        delivery,
        2,
        response_status=None,
        response_headers=None,
        response_body="",
        error_code="worker_lost",
        error="The worker was lost.",
    )
    good = make_attempt(delivery, 3, status="succeeded", response_status=204, error_code="", error="")

    body = live_api.get(f"deliveries/{delivery.public_id}").json()

    assert body["attempts"] == [
        {
            "id": failed.public_id,
            "number": 1,
            "status": "failed",
            "started_at": iso(failed.started_at),
            "duration_ms": 12,
            "response_status": 500,
            "response_headers": {"X-A": "1, 3", "X-B": "2"},
            "response_body": "no",
            "response_truncated": True,
            "error_code": "http_status",
            "error": "The receiver answered 500.",
        },
        {
            "id": lost.public_id,
            "number": 2,
            "status": "failed",
            "started_at": iso(lost.started_at),
            "duration_ms": 12,
            "response_status": None,
            "response_headers": None,
            "response_body": None,
            "response_truncated": False,
            "error_code": "worker_lost",
            "error": "The worker was lost.",
        },
        {
            "id": good.public_id,
            "number": 3,
            "status": "succeeded",
            "started_at": iso(good.started_at),
            "duration_ms": 12,
            "response_status": 204,
            "response_headers": {"content-type": "text/plain"},
            "response_body": "no",
            "response_truncated": False,
            "error_code": None,
            "error": None,
        },
    ]
    assert (body["attempt_count"], body["last_attempt_at"]) == (3, iso(good.started_at))
    assert set(body) == SHAPE | {"attempts"}
    assert "attempts" not in live_api.get("deliveries").json()["items"][0]


def test_a_delivery_is_held_while_its_endpoint_is_disabled_unless_it_is_a_test_send(
    live_api: Api, shop: CreatedApp, delivery: Delivery
) -> None:
    test_send = make_delivery(make_event(shop.app), delivery.endpoint, test=True)
    done = make_delivery(make_event(shop.app), delivery.endpoint, "succeeded")
    disable_endpoint(delivery.endpoint, DisabledReason.MANUAL, ACTOR)

    items = {item["id"]: item for item in live_api.get("deliveries").json()["items"]}

    assert {id: item["held"] for id, item in items.items()} == {
        delivery.public_id: True,
        test_send.public_id: False,
        done.public_id: False,
    }
    assert items[delivery.public_id]["next_attempt_at"] is None
    assert items[test_send.public_id]["next_attempt_at"] is not None


# Filters ---------------------------------------------------------------------------------------------


def ids(api: Api, **query: object) -> list[str]:
    answer = api.get("deliveries", **query)
    assert answer.status_code == 200
    return [item["id"] for item in answer.json()["items"]]


def test_each_filter_narrows_the_list(live_api: Api, shop: CreatedApp) -> None:
    first, second = make_endpoint(shop.app), make_endpoint(shop.app)
    paid, sent = make_event(shop.app, "order.paid"), make_event(shop.app, "order.sent")
    failed = make_delivery(paid, first, "failed", response_status=503)
    pending = make_delivery(paid, second)
    tested = make_delivery(sent, second, "succeeded", test=True, response_status=200)

    everything = [tested.public_id, pending.public_id, failed.public_id]
    assert ids(live_api) == everything
    assert ids(live_api, status="failed") == [failed.public_id]
    assert ids(live_api, status="sending") == []
    assert ids(live_api, endpoint_id=second.public_id) == [tested.public_id, pending.public_id]
    assert ids(live_api, event_type="order.sent") == [tested.public_id]
    assert ids(live_api, event_id=paid.public_id) == [pending.public_id, failed.public_id]
    assert ids(live_api, response_status=503) == [failed.public_id]
    assert ids(live_api, test="true") == [tested.public_id]
    assert ids(live_api, test="false") == [pending.public_id, failed.public_id]
    assert ids(live_api, endpoint_id=second.public_id, status="pending", test="false") == [pending.public_id]
    assert ids(live_api, endpoint_id="ep_01m84w1vmver3skjvqwnncx601") == []
    assert ids(live_api, event_id="evt_01m84w1vmver3skjvqwnncx601") == []


def test_after_and_before_leave_their_own_moment_out(live_api: Api, shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app)
    now = timezone.now()
    old, new = (
        make_delivery(make_event(shop.app), endpoint, created_at=now + dt.timedelta(seconds=seconds))
        for seconds in (0, 1)
    )

    assert ids(live_api, after=iso(old.created_at)) == [new.public_id]
    assert ids(live_api, before=iso(new.created_at)) == [old.public_id]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"status": "done"}, '"done" is not a valid choice.'),
        ({"status": ""}, '"" is not a valid choice.'),
        ({"endpoint_id": "evt_01m84w1vmver3skjvqwnncx601"}, "Give an id that starts with ep_."),
        ({"event_id": "x"}, "Give an id that starts with evt_."),
        ({"event_type": "*"}, "Give the name of an event type, such as order.paid."),
        ({"response_status": "2xx"}, "Give a whole number."),
        ({"response_status": "99"}, "Ensure this value is greater than or equal to 100."),
        ({"response_status": "99999"}, "Ensure this value is less than or equal to 999."),
        ({"test": "yes"}, "Give true or false."),
        ({"test": ""}, "Give true or false."),
        (
            {"after": "1767225600"},
            "Give an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00Z.",
        ),
    ],
)
def test_a_malformed_filter_is_400(live_api: Api, query: dict[str, str], sentence: str) -> None:
    [field] = query

    assert refusal(live_api.get("deliveries", **query)) == (400, "invalid", {field: [sentence]})


# Actions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "succeeded", "canceled", "pending"])
def test_a_retry_makes_it_due_now(live_api: Api, shop: CreatedApp, status: str) -> None:
    delivery = make_delivery(make_event(shop.app), make_endpoint(shop.app), status)
    before = timezone.now()

    answer = live_api.post(f"deliveries/{delivery.public_id}/retry")

    body = answer.json()
    delivery.refresh_from_db()
    assert answer.status_code == 200
    assert set(body) == SHAPE | {"attempts"}
    assert (body["status"], delivery.status) == ("pending", "pending")
    assert delivery.due_at is not None
    assert delivery.due_at >= before
    assert AuditEntry.objects.get(actor_type="api_key").action == "delivery.retried"


def test_a_retry_while_it_is_sent_is_409(live_api: Api, shop: CreatedApp) -> None:
    delivery = make_delivery(make_event(shop.app), make_endpoint(shop.app), "sending")

    assert refusal(live_api.post(f"deliveries/{delivery.public_id}/retry")) == (409, "delivery_sending", {})
    assert refusal(live_api.post(f"deliveries/{delivery.public_id}/cancel")) == (409, "delivery_not_pending", {})
    delivery.refresh_from_db()
    assert delivery.status == "sending"


def test_a_delivery_of_a_deleted_endpoint_is_not_retried(live_api: Api, delivery: Delivery) -> None:
    delete_endpoint(delivery.endpoint, ACTOR)

    assert refusal(live_api.post(f"deliveries/{delivery.public_id}/retry"))[:2] == (409, "endpoint_deleted")


def test_what_is_pending_can_be_canceled_and_nothing_else(live_api: Api, delivery: Delivery) -> None:
    path = f"deliveries/{delivery.public_id}/cancel"

    answer = live_api.post(path, {})
    assert (answer.status_code, answer.json()["status"], answer.json()["next_attempt_at"]) == (200, "canceled", None)
    assert refusal(live_api.post(path)) == (409, "delivery_not_pending", {})
    assert AuditEntry.objects.get(actor_type="api_key").action == "delivery.canceled"


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_an_action_takes_no_fields(live_api: Api, delivery: Delivery, action: str) -> None:
    answer = live_api.post(f"deliveries/{delivery.public_id}/{action}", {"force": True})

    assert refusal(answer) == (400, "unknown_field", {"force": ["There is no such field to set."]})
    delivery.refresh_from_db()
    assert (delivery.status, AuditEntry.objects.filter(actor_type="api_key").count()) == ("pending", 0)


# Queries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 20])
def test_a_list_of_deliveries_costs_two_queries(live_api: Api, shop: CreatedApp, count: int) -> None:
    for _ in range(count):
        make_attempt(make_delivery(make_event(shop.app), make_endpoint(shop.app)))
    live_api.get("deliveries")
    with CaptureQueriesContext(connection) as queries:
        assert len(live_api.get("deliveries").json()["items"]) == count

    assert len(queries) == 2


@pytest.mark.parametrize("count", [1, 20])
def test_a_delivery_with_its_attempts_costs_three_queries(live_api: Api, delivery: Delivery, count: int) -> None:
    for number in range(1, count + 1):
        make_attempt(delivery, number)
    live_api.get("deliveries")
    with CaptureQueriesContext(connection) as queries:
        assert len(live_api.get(f"deliveries/{delivery.public_id}").json()["attempts"]) == count

    assert len(queries) == 3


@pytest.mark.parametrize("name", ["open_until", "paused_until"])
@pytest.mark.parametrize("turn", [1, 2])
def test_the_next_attempt_is_not_before_the_breaker_or_a_pause_lets_it(
    live_api: Api, delivery: Delivery, name: str, turn: int
) -> None:
    until = timezone.now() + HOUR
    Lane.objects.filter(pk=delivery.endpoint_id).update(**{name: until})
    Delivery.objects.update(turn=turn)

    assert live_api.get(f"deliveries/{delivery.public_id}").json()["next_attempt_at"] == iso(until)
    assert live_api.get("deliveries").json()["items"][0]["next_attempt_at"] == iso(until)
    due_at = until + HOUR
    Delivery.objects.update(due_at=due_at)
    assert live_api.get(f"deliveries/{delivery.public_id}").json()["next_attempt_at"] == iso(due_at)


def test_the_later_of_breaker_and_pause_counts(live_api: Api, delivery: Delivery) -> None:
    until = timezone.now() + HOUR
    Lane.objects.update(open_until=until, paused_until=until + HOUR)

    assert live_api.get(f"deliveries/{delivery.public_id}").json()["next_attempt_at"] == iso(until + HOUR)


def test_a_test_send_and_a_retry_by_hand_are_not_postponed(live_api: Api, delivery: Delivery) -> None:
    Lane.objects.update(open_until=timezone.now() + HOUR, paused_until=timezone.now() + HOUR)

    body = live_api.post(f"deliveries/{delivery.public_id}/retry").json()

    delivery.refresh_from_db()
    assert body["next_attempt_at"] == (delivery.due_at and iso(delivery.due_at))
    assert dt.datetime.fromisoformat(body["next_attempt_at"]) <= timezone.now()


def test_while_one_delivery_finds_out_the_others_may_follow_at_any_moment(live_api: Api, delivery: Delivery) -> None:
    Lane.objects.update(open_until=timezone.now() + HOUR, probing=True)

    body = live_api.get(f"deliveries/{delivery.public_id}").json()

    assert body["next_attempt_at"] == (delivery.due_at and iso(delivery.due_at))


def test_a_held_delivery_has_no_next_attempt_whatever_the_breaker_says(live_api: Api, delivery: Delivery) -> None:
    Lane.objects.update(open_until=timezone.now() + HOUR)
    disable_endpoint(delivery.endpoint, DisabledReason.MANUAL, ACTOR)

    assert live_api.get(f"deliveries/{delivery.public_id}").json()["next_attempt_at"] is None
