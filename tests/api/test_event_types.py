"""The event catalog over REST: the app's own types are the Builder's, built-in ones are read-only."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import EventType
from tests.api.conftest import Api, refusal
from tests.api.test_authentication import NOT_FOUND
from tests.factories import make_endpoint, make_event, make_event_type
from webhooks.app_setup import CreatedApp
from webhooks.models import AuditEntry

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
NEW = {"name": "order.paid", "description": "An order was paid.", "schema": SCHEMA, "example": {"total": 1}}
SHAPE = {
    "name": "order.paid",
    "family": "order",
    "description": "An order was paid.",
    "schema": SCHEMA,
    "example": {"total": 1},
    "built_in": False,
    "deprecated": False,
}


def own_types() -> list[Any]:
    return list(EventType.objects.exclude(app=None).order_by("name").values())


def test_a_type_is_defined_and_read(live_api: Api, test_api: Api) -> None:
    answer = live_api.post("event-types", NEW)

    assert (answer.status_code, answer.json()) == (201, SHAPE)
    for api in (live_api, test_api):
        assert (api.get("event-types/order.paid").status_code, api.get("event-types/order.paid").json()) == (200, SHAPE)
        assert api.get("event-types").json() == {"items": [SHAPE], "next": None, "previous": None}
    assert [entry.action for entry in AuditEntry.objects.filter(actor_type="api_key")] == ["event_type.created"]


def test_the_name_is_enough(live_api: Api) -> None:
    answer = live_api.post("event-types", {"name": "order.paid"})

    assert answer.status_code == 201
    assert answer.json() == SHAPE | {"description": "", "schema": None, "example": None}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "order"}, "name"),
        ({"name": "Order.Paid"}, "name"),
        ({"name": ""}, "name"),
        ({"name": 1}, "name"),
        ({"name": "order.paid\n"}, "name"),
        ({"name": "a." + "b" * 127}, "name"),
        ({"name": "webhook.mine"}, "name"),
        ({"description": None}, "description"),
        ({"description": "x" * 2_001}, "description"),
        ({"description": "a\0"}, "description"),
        ({"schema": "text"}, "schema"),
        ({"schema": {"title": "a\0"}}, "schema"),
        ({"schema": {"a\0": 1}}, "schema"),
        ({"schema": None, "example": {"a": ["\0"]}}, "example"),
        ({"example": {"total": "much"}}, "example"),
        ({"schema": None, "example": [1]}, "example"),
        ({"schema": {"type": "string"}, "example": None}, "schema"),
        ({"schema": {"type": ["array", "null"]}, "example": None}, "schema"),
    ],
)
def test_a_field_that_is_wrong_is_400_and_defines_nothing(live_api: Api, change: dict[str, Any], field: str) -> None:
    status, _, details = refusal(live_api.post("event-types", NEW | change))

    assert (status, list(details)) == (400, [field])
    assert all(isinstance(sentence, str) for sentence in details[field])
    assert own_types() == []


def test_a_schema_that_could_harm_is_400(live_api: Api) -> None:
    """S41b: remote references, size, depth."""
    deep: dict[str, Any] = {}
    for _ in range(21):
        deep = {"properties": {"a": deep}}
    for schema in ({"$ref": "https://evil.example/x"}, {"description": "x" * 33_000}, deep):
        status, _, details = refusal(live_api.post("event-types", NEW | {"schema": schema, "example": None}))

        assert (status, list(details)) == (400, ["schema"])
    assert own_types() == []


def test_unknown_fields_are_400(live_api: Api) -> None:
    answer = live_api.post("event-types", NEW | {"built_in": True})

    assert refusal(answer) == (400, "unknown_field", {"built_in": ["There is no such field to set."]})
    assert own_types() == []


def test_a_name_that_is_taken_is_409(live_api: Api, rival_api: Api) -> None:
    live_api.post("event-types", NEW)

    assert refusal(live_api.post("event-types", NEW)) == (409, "event_type_exists", {"name": ["Taken."]})
    assert rival_api.post("event-types", NEW).status_code == 201


def test_a_type_is_changed_field_by_field(live_api: Api) -> None:
    live_api.post("event-types", NEW)

    answer = live_api.patch("event-types/order.paid", {"description": "Paid in full.", "deprecated": True})
    assert (answer.status_code, answer.json()) == (200, SHAPE | {"description": "Paid in full.", "deprecated": True})
    answer = live_api.patch("event-types/order.paid", {"schema": None, "example": None})
    assert answer.json()["schema"] is None
    assert live_api.patch("event-types/order.paid", {}).status_code == 200


@pytest.mark.parametrize("changes", [{"name": "order.sent"}, {"description": 1}, {"deprecated": "yes"}, {"schema": []}])
def test_a_change_that_is_wrong_is_400_and_changes_nothing(live_api: Api, changes: dict[str, Any]) -> None:
    live_api.post("event-types", NEW)
    before = own_types()

    status, _, details = refusal(live_api.patch("event-types/order.paid", changes))

    assert (status, list(details)) == (400, list(changes))
    assert own_types() == before


def test_a_type_that_nothing_uses_is_removed(live_api: Api) -> None:
    live_api.post("event-types", NEW)

    answer = live_api.delete("event-types/order.paid")

    assert (answer.status_code, answer.content) == (204, b"")
    assert live_api.get("event-types/order.paid").json() == NOT_FOUND


def test_a_type_in_use_is_409(live_api: Api, shop: CreatedApp) -> None:
    make_event_type(shop.app, "order.paid")
    make_endpoint(shop.app, event_types=["order.paid"])
    make_event(shop.app, "order.sent")
    before = own_types()

    for name in ("order.paid", "order.sent"):
        assert refusal(live_api.delete(f"event-types/{name}"))[:2] == (409, "event_type_in_use")
    assert own_types() == before


def test_a_breaking_change_of_a_schema_is_409_and_says_what_breaks(live_api: Api, shop: CreatedApp) -> None:
    live_api.post("event-types", NEW)
    make_event(shop.app, "order.paid", {"total": 1})
    before, entries = own_types(), AuditEntry.objects.count()
    schema = {**SCHEMA, "properties": {"total": {"type": "number"}, "currency": {"type": "string"}}}
    sentence = (
        "`currency` was added and is now required; `total` was required and is now optional: "
        "give the changed event a new name such as order.paid.v2."
    )

    required = {**schema, "required": ["currency"]}
    answer = live_api.patch("event-types/order.paid", {"schema": required, "example": {"currency": "EUR"}})

    assert refusal(answer) == (409, "breaking_schema_change", {"schema": [sentence]})
    assert answer.json()["message"] == sentence
    assert refusal(live_api.patch("event-types/order.paid", {"schema": None}))[:2] == (409, "breaking_schema_change")
    assert (own_types(), AuditEntry.objects.count()) == (before, entries)
    assert live_api.patch("event-types/order.paid", {"schema": schema}).json()["schema"] == schema


def test_true_and_1_are_not_the_same_example(live_api: Api) -> None:
    live_api.post("event-types", {"name": "order.paid", "example": {"gift": True}})

    answer = live_api.patch("event-types/order.paid", {"example": {"gift": 1}})

    assert answer.json()["example"]["gift"] is not True
    assert AuditEntry.objects.filter(action="event_type.updated").count() == 1


def test_a_test_key_reads_but_does_not_change(test_api: Api, live_api: Api) -> None:
    live_api.post("event-types", NEW)
    before = own_types()

    for answer in (
        test_api.post("event-types", {"name": "order.sent"}),
        test_api.patch("event-types/order.paid", {"description": "x"}),
        test_api.delete("event-types/order.paid"),
        test_api.delete("event-types/never.was"),
    ):
        assert (answer.status_code, answer.json()) == (
            403,
            {
                "code": "forbidden",
                "message": "A test key reads this but does not change it: use a live key.",
                "details": {},
            },
        )
    assert own_types() == before


def test_built_in_types_are_read_only(live_api: Api, catalog: None) -> None:
    before = list(EventType.objects.order_by("name").values())
    answer = live_api.get("event-types/webhook.test")

    assert answer.status_code == 200
    assert set(answer.json()) == set(SHAPE)
    assert (answer.json()["built_in"], answer.json()["family"]) == (True, "webhook")
    for answer in (
        live_api.patch("event-types/webhook.test", {"description": "Mine"}),
        live_api.delete("event-types/webhook.test"),
    ):
        assert answer.status_code == 403
    assert list(EventType.objects.order_by("name").values()) == before


@pytest.mark.parametrize("count", [1, 20])
def test_a_list_of_types_costs_two_queries(live_api: Api, shop: CreatedApp, count: int) -> None:
    for number in range(count):
        make_event_type(shop.app, f"order.n{number}")
    live_api.get("event-types")
    with CaptureQueriesContext(connection) as queries:
        assert len(live_api.get("event-types").json()["items"]) == count

    assert len(queries) == 2
