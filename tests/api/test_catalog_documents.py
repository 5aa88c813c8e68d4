"""The catalog as an OpenAPI document over REST: a live key imports, every key exports."""

from typing import Any

from events.event_types import sync_event_catalog
from events.models import EventType
from tests.api.conftest import Api, refusal
from tests.factories import make_event_type
from webhooks.app_setup import CreatedApp
from webhooks.models import AuditEntry

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "webhooks": {"order.paid": {"post": {"description": "Paid."}}, "order.sent": {"post": {"deprecated": True}}},
}


def own_types() -> list[Any]:
    return list(EventType.objects.exclude(app=None).order_by("name").values())


def test_what_one_app_exports_another_imports(live_api: Api, rival_api: Api, shop: CreatedApp) -> None:
    make_event_type(shop.app, "order.paid", description="Paid.", schema={"type": "object"}, example={})
    document = live_api.get("event-types/export").json()
    assert list(document["webhooks"]) == ["order.paid"]

    answer = rival_api.post("event-types/import", document)

    assert (answer.status_code, answer.json()) == (
        200,
        {"created": ["order.paid"], "changed": [], "unchanged": [], "built_in": []},
    )
    assert rival_api.get("event-types/order.paid").json() == live_api.get("event-types/order.paid").json()
    assert rival_api.post("event-types/import", document).json()["unchanged"] == ["order.paid"]


def test_built_in_types_are_exported_where_they_are_asked_for(live_api: Api) -> None:
    sync_event_catalog()

    assert live_api.get("event-types/export").json()["webhooks"] == {}
    assert len(live_api.get("event-types/export", built_in="true").json()["webhooks"]) == 45
    assert refusal(live_api.get("event-types/export", built_in="yes"))[:2] == (400, "invalid")


def test_a_test_key_exports_but_does_not_import(test_api: Api) -> None:
    assert test_api.get("event-types/export").status_code == 200
    assert refusal(test_api.post("event-types/import", DOCUMENT)) == (403, "forbidden", {})
    assert own_types() == []


def test_a_document_that_cannot_be_taken_changes_nothing_and_names_each_type(live_api: Api) -> None:
    document = {**DOCUMENT, "webhooks": {**DOCUMENT["webhooks"], "Order": {}, "webhook.mine": {}}}

    status, code, details = refusal(live_api.post("event-types/import", document))

    assert (status, code, list(details["event_types"])) == (400, "invalid", ["Order", "webhook.mine"])
    assert details["event_types"]["webhook.mine"]["code"] == "built_in_event_type"
    assert refusal(live_api.post("event-types/import", {}))[:2] == (400, "invalid_document")
    assert refusal(live_api.post("event-types/import", [1]))[0] == 400
    assert refusal(live_api.post("event-types/import", b"openapi: 3.1.0"))[:2] == (400, "malformed_json")
    assert own_types() == []
    assert AuditEntry.objects.filter(actor_type="api_key").count() == 0
