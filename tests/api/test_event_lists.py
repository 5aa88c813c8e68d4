"""Events read over REST: one, a list, and its filters."""

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.times import iso
from tests.api.conftest import Api
from tests.api.test_authentication import NOT_FOUND
from tests.api.test_events import SHAPE
from tests.factories import make_event, make_organization
from webhooks.app_setup import CreatedApp


def test_one_event_is_read_by_its_id(live_api: Api, shop: CreatedApp) -> None:
    event = make_event(shop.app)

    answer = live_api.get(f"events/{event.public_id}")

    assert answer.status_code == 200
    assert set(answer.json()) == SHAPE
    assert answer.json()["id"] == event.public_id
    assert live_api.get("events/evt_01m84w1vmver3skjvqwnncx601").json() == NOT_FOUND


def test_an_event_with_half_a_surrogate_pair_from_code_can_be_read(live_api: Api, shop: CreatedApp) -> None:
    event = make_event(shop.app, data={"text": "\ud800"})

    answer = live_api.get(f"events/{event.public_id}")

    assert (answer.status_code, answer.json()["data"]) == (200, {"text": "\ud800"})
    assert live_api.get("events").json()["items"] == [answer.json()]


def ids(api: Api, **query: object) -> list[uuid.UUID | None]:
    answer = api.get("events", **query)
    assert answer.status_code == 200
    return [from_public_id(Prefix.EVENT, item["id"]) for item in answer.json()["items"]]


def test_events_are_filtered_by_type_and_organization(live_api: Api, shop: CreatedApp) -> None:
    organization = make_organization(shop.app)
    paid = make_event(shop.app, "order.paid")
    sent = make_event(shop.app, "order.sent", organization_id=organization.pk)

    assert ids(live_api) == [sent.pk, paid.pk]
    assert ids(live_api, type="order.paid") == [paid.pk]
    assert ids(live_api, organization_id=organization.public_id) == [sent.pk]
    assert ids(live_api, organization_id=organization.public_id, type="order.paid") == []
    assert ids(live_api, organization_id="org_01m84w1vmver3skjvqwnncx601") == []
    assert ids(live_api, type="never.was") == []


def test_after_and_before_leave_their_own_moment_out(live_api: Api, shop: CreatedApp) -> None:
    first, second, third = (make_event(shop.app) for _ in range(3))
    at = iso(second.created_at)

    assert ids(live_api, after=at) == [third.pk]
    assert ids(live_api, before=at) == [first.pk]
    in_india = second.created_at.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30))).isoformat()
    assert ids(live_api, after=in_india) == [third.pk]
    assert ids(live_api, after="0001-01-01T00:00:00Z", before="9999-12-31T23:59:59Z") == [
        third.pk,
        second.pk,
        first.pk,
    ]
    assert ids(live_api, after="9999-12-31T23:59:59Z") == ids(live_api, before="0001-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"type": "order"}, "Give the name of an event type, such as order.paid."),
        ({"type": "order.*"}, "Give the name of an event type, such as order.paid."),
        ({"type": "a.b\0"}, "Give the name of an event type, such as order.paid."),
        ({"type": "a.b\n"}, "Give the name of an event type, such as order.paid."),
        ({"organization_id": "ep_01m84w1vmver3skjvqwnncx601"}, "Give an id that starts with org_."),
        ({"organization_id": ""}, "Give an id that starts with org_."),
        (
            {"after": "yesterday"},
            "Give an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00Z.",
        ),
        (
            {"before": "2026-01-31T12:00:00"},
            "Give an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00Z.",
        ),
    ],
)
def test_a_malformed_filter_is_400(live_api: Api, query: dict[str, str], sentence: str) -> None:
    answer = live_api.get("events", **query)

    [field] = query
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert sentence in answer.json()["details"][field]


@pytest.mark.parametrize("count", [1, 20])
def test_a_list_of_events_costs_two_queries(live_api: Api, shop: CreatedApp, count: int) -> None:
    for _ in range(count):
        make_event(shop.app)
    live_api.get("events")
    with CaptureQueriesContext(connection) as queries:
        assert len(live_api.get("events").json()["items"]) == count

    assert len(queries) == 2
