"""Emitting up to 1,000 events at once over REST, all or none."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import Event
from tests.api.conftest import Api, statements
from tests.api.test_events import EVENT, SHAPE, refused
from tests.factories import make_event_type
from webhooks.app_setup import CreatedApp


@pytest.fixture(autouse=True)
def _order_paid(shop: CreatedApp) -> None:
    make_event_type(shop.app, "order.paid")


def test_a_batch_is_answered_in_the_order_it_was_given(live_api: Api) -> None:
    events = [{"type": "order.paid", "data": {"n": n}, "idempotency_key": f"k{9 - n}"} for n in range(10)]

    answer = live_api.post("events/batch", {"events": events})

    assert answer.status_code == 202
    assert set(answer.json()) == {"events"}
    assert [event["data"]["n"] for event in answer.json()["events"]] == list(range(10))
    assert all(set(event) == SHAPE for event in answer.json()["events"])
    assert Event.objects.count() == 10


def test_a_batch_holds_a_thousand_and_no_more(live_api: Api) -> None:
    events = [EVENT] * 1_001
    details = {"events": ["Give 1 to 1,000 events."]}

    assert refused(live_api.post("events/batch", {"events": events})) == (400, "invalid", details)
    assert refused(live_api.post("events/batch", {"events": []})) == (400, "invalid", details)
    assert live_api.post("events/batch", {"events": events[:1_000]}).status_code == 202
    assert Event.objects.count() == 1_000


def test_one_bad_event_refuses_its_batch_and_is_named_by_index(live_api: Api) -> None:
    events = [EVENT, EVENT | {"data": []}, EVENT, {"type": "order.paid"}]

    status, code, details = refused(live_api.post("events/batch", {"events": events}))

    assert (status, code) == (400, "invalid")
    assert details == {
        "events": {
            "1": {
                "code": "invalid",
                "message": "Correct these fields of the request: data.",
                "data": ["Give a JSON object."],
            },
            "3": {
                "code": "invalid",
                "message": "Correct these fields of the request: data.",
                "data": ["This field is required."],
            },
        }
    }


def test_what_emitting_refuses_of_a_batch_is_named_by_index_too(live_api: Api) -> None:
    status, code, details = refused(live_api.post("events/batch", {"events": [EVENT, EVENT | {"type": "a.b"}]}))

    assert (status, code, set(details["events"])) == (400, "unknown_event_type", {"1"})
    assert details["events"]["1"]["type"] == ["Not in the event catalog."]


@pytest.mark.parametrize(
    ("body", "code", "details"),
    [
        ({}, "invalid", {"events": ["This field is required."]}),
        ({"events": None}, "invalid", {"events": ["Give a list of events."]}),
        ({"events": {"0": EVENT}}, "invalid", {"events": ["Give a list of events."]}),
        ({"events": [EVENT], "atomic": True}, "unknown_field", {"atomic": ["There is no such field to set."]}),
    ],
)
def test_a_batch_of_another_form_is_400(
    live_api: Api, body: dict[str, object], code: str, details: dict[str, object]
) -> None:
    assert refused(live_api.post("events/batch", body)) == (400, code, details)


def test_of_a_batch_that_is_all_wrong_ten_are_named(live_api: Api) -> None:
    _, _, details = refused(live_api.post("events/batch", {"events": [1] * 1_000}))

    assert list(details["events"]) == [str(index) for index in range(10)]


def test_the_header_is_refused_with_a_batch(live_api: Api) -> None:
    answer = live_api.post("events/batch", {"events": [EVENT]}, headers={"Idempotency-Key": "pay-1"})

    details = {"idempotency_key": ["Give each event of a batch its own, not a header."]}
    assert refused(answer) == (400, "invalid", details)


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_asks_no_more_than_one_event_does(live_api: Api, count: int) -> None:
    batch = {"events": [EVENT] * count}
    live_api.post("events", EVENT)
    with CaptureQueriesContext(connection) as queries:
        live_api.post("events/batch", batch)

    # On PostgreSQL the type is remembered, and the INSERT asks whether it still is as it was.
    asked = ["SELECT"] if connection.vendor == "postgresql" else ["SELECT", "SELECT"]
    assert statements(queries) == [*asked, "INSERT"]
