"""Emitting over REST, and reading what was emitted."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events.api.emit_requests import FIELDS
from events.api.serializers import EmitSerializer, EventSerializer
from events.models import EmitBudget, Event
from switera_webhooks.times import iso
from tests.api.conftest import Answer, Api, refusal, statements
from tests.factories import make_event_type, make_organization
from webhooks.app_setup import CreatedApp

SHAPE = {"id", "type", "data", "timestamp", "environment", "organization_id", "test", "created_at"}
EVENT: dict[str, Any] = {"type": "order.paid", "data": {"order_id": "ord_1", "total": 12.5, "who": "Zoë"}}


@pytest.fixture(autouse=True)
def _order_paid(shop: CreatedApp) -> None:
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    make_event_type(shop.app, "order.paid", schema=schema)


def refused(answer: Answer) -> tuple[int, str, dict[str, Any]]:
    """Status, code and details of a refusal that emitted nothing."""
    assert Event.objects.count() == 0
    return refusal(answer)


def test_an_emitted_event_is_answered_202_as_it_is_stored(live_api: Api, shop: CreatedApp) -> None:
    answer = live_api.post("events", EVENT)

    event = Event.objects.get()
    assert (answer.status_code, answer.json()) == (
        202,
        {
            "id": event.public_id,
            "type": "order.paid",
            "data": {"order_id": "ord_1", "total": 12.5, "who": "Zoë"},
            "timestamp": iso(event.occurred_at),
            "environment": "live",
            "organization_id": None,
            "test": False,
            "created_at": iso(event.created_at),
        },
    )
    assert answer.json()["created_at"].endswith("Z")
    assert (event.app, event.environment) == (shop.app, "live")


def test_the_key_decides_the_environment(test_api: Api) -> None:
    assert test_api.post("events", EVENT).json()["environment"] == "test"
    assert Event.objects.get().environment == "test"


def test_every_optional_field_is_kept(live_api: Api, shop: CreatedApp) -> None:
    organization = make_organization(shop.app)
    answer = live_api.post(
        "events",
        EVENT
        | {
            "timestamp": "2026-01-31T13:00:00.25+01:00",
            "organization_id": organization.public_id,
            "idempotency_key": "pay-1",
        },
    )

    assert answer.status_code == 202
    assert answer.json()["timestamp"] == "2026-01-31T12:00:00.250000Z"
    assert answer.json()["organization_id"] == organization.public_id
    event = Event.objects.get()
    assert (event.idempotency_key, event.organization_id) == ("pay-1", organization.pk)


def test_null_is_like_leaving_an_optional_field_out(live_api: Api) -> None:
    answer = live_api.post("events", EVENT | {"timestamp": None, "organization_id": None, "idempotency_key": None})

    assert answer.status_code == 202
    assert Event.objects.get().idempotency_key is None


def test_data_comes_back_exactly(live_api: Api) -> None:
    data = {
        "big": 12345678901234567890123,
        "float": 0.1,
        "text": "\0 \u2028 ☃ 😀 \\ud800",
        "": {"a b": [None, True, [], {}]},
    }
    make_data = live_api.post("events", {"type": "order.paid", "data": data})

    assert make_data.status_code == 202
    assert make_data.json()["data"] == data
    assert live_api.get(f"events/{make_data.json()['id']}").json() == make_data.json()


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"type": None}, {"type": ["Give text."]}),
        ({"type": 1}, {"type": ["Give text."]}),
        ({"data": None}, {"data": ["Give a JSON object."]}),
        ({"data": [1]}, {"data": ["Give a JSON object."]}),
        ({"data": "text"}, {"data": ["Give a JSON object."]}),
        ({"idempotency_key": 1}, {"idempotency_key": ["Give text."]}),
        ({"idempotency_key": ""}, {"idempotency_key": ["Give 1 to 255 printable characters."]}),
        ({"idempotency_key": "x" * 256}, {"idempotency_key": ["Give 1 to 255 printable characters."]}),
        ({"idempotency_key": "a\0"}, {"idempotency_key": ["Give 1 to 255 printable characters."]}),
        ({"organization_id": 1}, {"organization_id": ["Give an id that starts with org_."]}),
        ({"organization_id": "acme"}, {"organization_id": ["Give an id that starts with org_."]}),
        (
            {"organization_id": "org_01m84w1vmver3skjvqwnncx601"},
            {"organization_id": ["No such organization."]},
        ),
    ],
)
def test_a_field_that_is_wrong_is_400_and_named(live_api: Api, change: dict[str, Any], details: dict[str, Any]) -> None:
    assert refused(live_api.post("events", EVENT | change)) == (400, "invalid", details)


@pytest.mark.parametrize(
    "timestamp",
    [
        "yesterday",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-W05-6T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        1767225600,
        {},
    ],
)
def test_a_timestamp_needs_date_time_and_offset(live_api: Api, timestamp: object) -> None:
    details = {"timestamp": ["Give an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00Z."]}

    assert refused(live_api.post("events", EVENT | {"timestamp": timestamp})) == (400, "invalid", details)


def test_all_that_is_missing_is_named_at_once(live_api: Api) -> None:
    details = {"type": ["This field is required."], "data": ["This field is required."]}

    assert refused(live_api.post("events", {})) == (400, "invalid", details)


def test_a_field_that_nobody_asked_for_is_refused(live_api: Api) -> None:
    answer = live_api.post("events", EVENT | {"idempotencyKey": "pay-1", "environment": "test"})

    sentences = ["There is no such field to set."]
    assert refused(answer) == (400, "unknown_field", {"idempotencyKey": sentences, "environment": sentences})
    assert answer.json()["message"] == "Correct these fields of the request: idempotencyKey, environment."


def test_a_type_that_is_not_in_the_catalog_is_refused(live_api: Api, rival: CreatedApp) -> None:
    make_event_type(rival.app, "order.sent")
    for name in ("order.sent", "nonsense", "a\0b", "x" * 10_000):
        details = {"type": ["Not in the event catalog."]}
        assert refused(live_api.post("events", EVENT | {"type": name})) == (400, "unknown_event_type", details)


def test_a_built_in_type_is_not_for_keys(live_api: Api, catalog: None) -> None:
    answer = live_api.post("events", {"type": "webhook.test", "data": {}})

    assert refused(answer)[:2] == (403, "built_in_event_type")


def test_data_that_breaks_the_schema_is_refused(live_api: Api) -> None:
    status, code, details = refused(live_api.post("events", EVENT | {"data": {"total": "much"}}))

    assert (status, code, set(details)) == (400, "invalid", {"data"})


def test_a_payload_over_the_limit_is_413(live_api: Api) -> None:
    """S28."""
    answer = live_api.post("events", EVENT | {"data": {"text": "x" * 262_144}})

    assert refused(answer) == (413, "payload_too_large", {"data": ["Too large."]})


# Idempotency ---------------------------------------------------------------------------------------


def test_the_header_serves_like_the_field(live_api: Api) -> None:
    """S42."""
    first = live_api.post("events", EVENT, headers={"Idempotency-Key": "pay-1"})
    again = live_api.post("events", EVENT | {"idempotency_key": "pay-1"})
    both = live_api.post("events", EVENT | {"idempotency_key": "pay-1"}, headers={"Idempotency-Key": "pay-1"})

    assert [answer.status_code for answer in (first, again, both)] == [202, 202, 202]
    assert first.json() == again.json() == both.json()
    assert Event.objects.get().idempotency_key == "pay-1"


def test_header_and_field_that_differ_are_400(live_api: Api) -> None:
    answer = live_api.post("events", EVENT | {"idempotency_key": "pay-1"}, headers={"Idempotency-Key": "pay-2"})

    details = {"idempotency_key": ["The Idempotency-Key header says something else: give one of the two."]}
    assert refused(answer) == (400, "invalid", details)


def test_an_empty_header_is_400(live_api: Api) -> None:
    details = {"idempotency_key": ["Give 1 to 255 printable characters."]}

    assert refused(live_api.post("events", EVENT, headers={"Idempotency-Key": ""})) == (400, "invalid", details)


def test_the_same_key_with_another_body_is_409(live_api: Api) -> None:
    """S42."""
    live_api.post("events", EVENT | {"idempotency_key": "pay-1"})

    answer = live_api.post("events", EVENT | {"data": {"total": 1}, "idempotency_key": "pay-1"})

    assert (answer.status_code, answer.json()) == (
        409,
        {
            "code": "idempotency_conflict",
            "message": "This idempotency key was used for a different event: use a new key.",
            "details": {"idempotency_key": ["Used for a different event."]},
        },
    )
    assert Event.objects.count() == 1


def test_keys_of_live_and_test_do_not_meet(live_api: Api, test_api: Api) -> None:
    live = live_api.post("events", EVENT | {"idempotency_key": "pay-1"})
    in_test = test_api.post("events", EVENT | {"data": {}, "idempotency_key": "pay-1"})

    assert (live.status_code, in_test.status_code) == (202, 202)
    assert live.json()["id"] != in_test.json()["id"]


# The limit of events a second ------------------------------------------------------------------------


def test_over_the_emit_rate_it_is_429_with_retry_after(live_api: Api, settings: Settings) -> None:
    """S39."""
    settings.WEBHOOKS_EMIT_RATE = 1
    batch = {"events": [EVENT] * 3}

    assert live_api.post("events/batch", batch).status_code == 202
    for answer in (live_api.post("events", EVENT), live_api.post("events/batch", batch)):
        assert (answer.status_code, answer.json()) == (
            429,
            {
                "code": "rate_limited",
                "message": "This app may emit 1 events a second: slow down, or send batches less often.",
                "details": {},
            },
        )
        assert answer.headers["Retry-After"] == "3"
    assert Event.objects.count() == 3


def test_without_a_limit_nothing_is_counted(live_api: Api) -> None:
    live_api.post("events", EVENT)

    assert EmitBudget.objects.count() == 0


# Queries, and the document ----------------------------------------------------------------------


def test_emitting_asks_for_key_and_type_and_inserts(live_api: Api) -> None:
    live_api.post("events", EVENT)
    with CaptureQueriesContext(connection) as queries:
        live_api.post("events", EVENT)

    # On PostgreSQL the type is remembered, and the INSERT asks whether it still is as it was.
    asked = ["SELECT"] if connection.vendor == "postgresql" else ["SELECT", "SELECT"]
    assert statements(queries) == [*asked, "INSERT"]


def test_the_document_lists_the_fields_that_are_read() -> None:
    assert set(EmitSerializer().fields) == set(FIELDS)
    assert set(EventSerializer().fields) == SHAPE
