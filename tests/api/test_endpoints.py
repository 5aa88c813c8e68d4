"""Endpoints over REST: made, read, changed, disabled, deleted; their secrets; test sends."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from deliveries.endpoints import MASK
from switera_webhooks.encryption import decrypt
from switera_webhooks.times import iso
from tests.api.conftest import Api, refusal
from tests.api.test_authentication import NOT_FOUND
from tests.factories import (
    URL,
    make_delivery,
    make_endpoint,
    make_event,
    make_event_type,
    make_organization,
)
from webhooks.app_setup import CreatedApp
from webhooks.models import AuditEntry, Endpoint

NEW: dict[str, Any] = {"url": URL, "event_types": ["*"]}
SHAPE = {
    "id",
    "name",
    "description",
    "url",
    "environment",
    "event_types",
    "organization_id",
    "headers",
    "metadata",
    "rate_limit",
    "enabled",
    "disabled_reason",
    "health",
    "created_at",
    "updated_at",
    "held_count",
}


def audited() -> list[str]:
    """The actions of keys."""
    return list(AuditEntry.objects.filter(actor_type="api_key").order_by("id").values_list("action", flat=True))


def test_a_new_endpoint_is_answered_201_with_its_secret(live_api: Api) -> None:
    answer = live_api.post("endpoints", NEW)

    endpoint = Endpoint.objects.get()
    body = answer.json()
    assert answer.status_code == 201
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", body.pop("secret"))
    assert body == {
        "id": endpoint.public_id,
        "name": "",
        "description": "",
        "url": URL,
        "environment": "live",
        "event_types": ["*"],
        "organization_id": None,
        "headers": {},
        "metadata": {},
        "rate_limit": None,
        "enabled": True,
        "disabled_reason": None,
        "health": "setup",
        "created_at": iso(endpoint.created_at),
        "updated_at": iso(endpoint.updated_at),
        "held_count": 0,
    }
    assert "switera-warning" not in answer.headers
    assert audited() == ["endpoint.created"]
    assert AuditEntry.objects.get(action="endpoint.created").ip == "127.0.0.1"


def test_the_secret_is_in_no_other_answer(live_api: Api) -> None:
    """S29."""
    created = live_api.post("endpoints", NEW).json()
    path = f"endpoints/{created['id']}"

    for answer in (
        live_api.get(path),
        live_api.get("endpoints"),
        live_api.patch(path, {"name": "x"}),
        live_api.post(f"{path}/disable"),
        live_api.post(f"{path}/enable"),
    ):
        assert answer.status_code == 200
        assert created["secret"].encode() not in answer.content
        assert b'"secret"' not in answer.content


def test_every_field_is_kept_and_header_values_are_masked(live_api: Api, shop: CreatedApp) -> None:
    """S25."""
    organization = make_organization(shop.app)
    make_event_type(shop.app, "order.paid")
    fields = {
        "url": "https://192.0.78.1:443/in?a=1",
        "name": "Orders",
        "description": "For the desk.\nAll of it.",
        "event_types": ["order.paid", "order.*"],
        "organization_id": organization.public_id,
        "metadata": {"team": "desk"},
        "rate_limit": 10,
        "enabled": False,
    }

    answer = live_api.post("endpoints", fields | {"headers": {"X-Key": "hush"}})

    body = answer.json()
    assert answer.status_code == 201
    assert {name: body[name] for name in fields if name != "url"} == {k: v for k, v in fields.items() if k != "url"}
    assert (body["headers"], body["disabled_reason"]) == ({"X-Key": MASK}, "manual")
    assert b"hush" not in answer.content
    assert decrypt(Endpoint.objects.get().headers["X-Key"]) == "hush"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://192.0.78.1/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://192.0.78.1/a\n"}, "url"),
        ({"url": "\thttps://192.0.78.1/"}, "url"),
        ({"url": " https://192.0.78.1/ "}, "url"),
        ({"url": "https://192.0.78.1/\0"}, "url"),
        ({"url": ""}, "url"),
        ({"url": 1}, "url"),
        ({"url": None}, "url"),
        ({"url": "https://192.0.78.1/" + "x" * 2_048}, "url"),
        ({"event_types": []}, "event_types"),
        ({"event_types": "order.paid"}, "event_types"),
        ({"event_types": [1]}, "event_types"),
        ({"event_types": ["never.was"]}, "event_types"),
        ({"event_types": ["*.paid"]}, "event_types"),
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"description": "x" * 2_001}, "description"),
        ({"headers": {"X-Key": "a\r\nb"}}, "headers"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"X-Key": 1}}, "headers"),
        ({"headers": {"X-Key": MASK}}, "headers"),
        ({"headers": []}, "headers"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a\0": "b"}}, "metadata"),
        ({"metadata": {"a": "b\0"}}, "metadata"),
        ({"metadata": {"x" * 41: "b"}}, "metadata"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"rate_limit": 1.5}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"rate_limit": 10**30}, "rate_limit"),
        ({"enabled": "true"}, "enabled"),
        ({"enabled": None}, "enabled"),
        ({"organization_id": "acme"}, "organization_id"),
        ({"organization_id": "org_01m84w1vmver3skjvqwnncx601"}, "organization_id"),
    ],
)
def test_a_field_that_is_wrong_is_400_and_named(live_api: Api, change: dict[str, Any], field: str) -> None:
    """S1 to S5, S24 where they show: the URL reaches the guard untouched."""
    status, _, details = refusal(live_api.post("endpoints", NEW | change))
    assert (status, list(details)) == (400, [field])
    assert Endpoint.objects.count() == 0

    created = live_api.post("endpoints", NEW).json()
    before = Endpoint.objects.values().get()
    status, _, details = refusal(live_api.patch(f"endpoints/{created['id']}", change))
    assert (status, list(details)) == (400, [field])
    assert Endpoint.objects.values().get() == before


def test_url_and_event_types_are_required(live_api: Api) -> None:
    required = ["This field is required."]

    assert refusal(live_api.post("endpoints", {})) == (400, "invalid", {"url": required, "event_types": required})


def test_an_organization_of_another_app_is_no_organization(live_api: Api, rival: CreatedApp) -> None:
    """S33."""
    theirs = make_organization(rival.app).public_id

    for organization_id in (theirs, "org_01m84w1vmver3skjvqwnncx601"):
        answer = live_api.post("endpoints", NEW | {"organization_id": organization_id})
        assert refusal(answer) == (400, "invalid", {"organization_id": ["No such organization."]})


def test_unknown_and_read_only_fields_are_400(live_api: Api) -> None:
    for name in ("environment", "id", "health", "secret", "event_type"):
        answer = live_api.post("endpoints", NEW | {name: "x"})

        assert refusal(answer) == (400, "unknown_field", {name: ["There is no such field to set."]})
    assert Endpoint.objects.count() == 0


def test_an_endpoint_as_it_was_read_can_be_sent_back_edited(live_api: Api) -> None:
    """S25: masked header values stay what they are."""
    path = f"endpoints/{live_api.post('endpoints', NEW | {'headers': {'X-Key': 'hush'}}).json()['id']}"
    shown = live_api.get(path).json()

    answer = live_api.patch(path, shown | {"name": "Renamed"})

    assert answer.status_code == 200
    assert answer.json() | {"updated_at": ""} == shown | {"name": "Renamed", "updated_at": ""}
    assert decrypt(Endpoint.objects.get().headers["X-Key"]) == "hush"
    for wrong in ({"nmae": "x"}, {"environment": "test"}, {"id": "ep_01m84w1vmver3skjvqwnncx601"}):
        assert refusal(live_api.patch(path, wrong))[1] == "unknown_field"
    assert live_api.get(path).json()["name"] == "Renamed"


def test_a_name_that_does_not_resolve_is_accepted_with_a_warning(live_api: Api) -> None:
    """S5."""
    answer = live_api.post("endpoints", NEW | {"url": "https://hooks.example.com/in"})

    assert answer.status_code == 201
    assert "hooks.example.com" in answer.headers["switera-warning"]
    path = f"endpoints/{answer.json()['id']}"
    answer = live_api.patch(path, {"url": "https://other.example.com/in"})
    assert (answer.status_code, "other.example.com" in answer.headers["switera-warning"]) == (200, True)
    assert "switera-warning" not in live_api.patch(path, {"name": "x"}).headers


def test_the_limit_of_endpoints_is_429(live_api: Api, settings: Settings) -> None:
    """S39."""
    settings.WEBHOOKS_MAX_ENDPOINTS = 1
    live_api.post("endpoints", NEW)

    answer = live_api.post("endpoints", NEW)

    assert refusal(answer)[:2] == (429, "too_many_endpoints")
    assert int(answer.headers["Retry-After"]) >= 1
    assert Endpoint.objects.count() == 1


def test_only_what_is_given_changes(live_api: Api, shop: CreatedApp) -> None:
    organization = make_organization(shop.app)
    created = live_api.post(
        "endpoints", NEW | {"name": "a", "rate_limit": 5, "organization_id": organization.public_id}
    ).json()
    path = f"endpoints/{created['id']}"

    body = live_api.patch(path, {"name": "b"}).json()
    assert {name for name in SHAPE if body[name] != created[name]} <= {"name", "updated_at"}
    body = live_api.patch(path, {"rate_limit": None, "organization_id": None, "enabled": False}).json()
    assert (body["rate_limit"], body["organization_id"], body["enabled"]) == (None, None, False)
    assert set(body) == SHAPE
    assert live_api.get(path).json() == body
    assert live_api.patch(path, {}).json() == body


def test_a_masked_header_sent_back_leaves_its_value(live_api: Api) -> None:
    """S25."""
    created = live_api.post("endpoints", NEW | {"headers": {"X-Key": "hush", "X-Old": "old"}}).json()

    answer = live_api.patch(f"endpoints/{created['id']}", {"headers": {"X-Key": MASK, "X-New": "new"}})

    assert answer.json()["headers"] == {"X-Key": MASK, "X-New": MASK}
    stored = Endpoint.objects.get().headers
    assert {name: decrypt(value) for name, value in stored.items()} == {"X-Key": "hush", "X-New": "new"}


def test_a_deleted_endpoint_is_gone_and_its_deliveries_stay(live_api: Api, shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app)
    delivery = make_delivery(make_event(shop.app), endpoint)

    answer = live_api.delete(f"endpoints/{endpoint.public_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert live_api.get(f"endpoints/{endpoint.public_id}").json() == NOT_FOUND
    assert live_api.delete(f"endpoints/{endpoint.public_id}").json() == NOT_FOUND
    assert live_api.get("endpoints").json()["items"] == []
    [item] = live_api.get("deliveries", endpoint_id=endpoint.public_id).json()["items"]
    assert (item["id"], item["status"]) == (delivery.public_id, "canceled")
    assert audited() == ["endpoint.deleted"]


@pytest.mark.parametrize("count", [1, 20])
def test_a_list_of_endpoints_costs_two_queries(live_api: Api, shop: CreatedApp, count: int) -> None:
    event = make_event(shop.app)
    for _ in range(count):
        make_delivery(event, make_endpoint(shop.app, enabled=False, organization=make_organization(shop.app)))
    live_api.get("endpoints")
    with CaptureQueriesContext(connection) as queries:
        items = live_api.get("endpoints").json()["items"]

    assert len(queries) == 2
    assert [item["held_count"] for item in items] == [1] * count
    assert all(set(item) == SHAPE for item in items)
