"""The catalog as an OpenAPI 3.1 document and back: ours come back equal, and change only what differs."""

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from events.documents.export import catalog_document
from events.documents.importing import Outcome, import_catalog, plan_import
from events.emit import emit
from events.event_types import sync_event_catalog
from events.models import EventType
from switera_webhooks.refusals import Conflict
from tests.events.importing import refused, types_of
from tests.factories import ACTOR, make_app, make_event_type
from webhooks.models import App, AuditEntry

pytestmark = pytest.mark.django_db
LINE = {"type": "object", "properties": {"sku": {"type": "string"}, "of": {"$ref": "#"}}}
# Every keyword that a schema of an event type may have.
EVERYTHING: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$comment": "All there is.",
    "title": "Order",
    "description": "An order.",
    "default": {"id": "ord_1"},
    "examples": [{"$ref": "#/not/a/reference"}],
    "deprecated": False,
    "readOnly": True,
    "writeOnly": False,
    "x-team": {"$ref": "billing"},
    "type": ["object", "null"],
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 40, "pattern": "^ord_", "format": "uri-reference"},
        "$ref": {"const": {"$ref": "data, and no reference"}},
        "lines": {
            "type": "array",
            "items": {"$ref": "#/$defs/line"},
            "minItems": 0,
            "maxItems": 10,
            "uniqueItems": True,
            "contains": {"type": "object"},
            "minContains": 0,
            "maxContains": 9,
        },
        "pair": {"prefixItems": [{"enum": [1, True, "1", None]}, {"$ref": "#/$defs/a~1b%20c"}], "items": False},
        "amount": {"minimum": 0, "exclusiveMinimum": -1, "maximum": 9.5, "exclusiveMaximum": 10, "multipleOf": 0.5},
        "file": {"contentEncoding": "base64", "contentMediaType": "application/json", "contentSchema": {}},
        "odd": {"$ref": "#/x-parts/1/odd", "description": "Where no schema is looked for otherwise."},
        "any": True,
    },
    "patternProperties": {"^x_": {"type": "string"}},
    "additionalProperties": {"$ref": "#/definitions/old"},
    "propertyNames": {"maxLength": 30},
    "minProperties": 1,
    "maxProperties": 20,
    "dependentRequired": {"amount": ["id"]},
    "dependentSchemas": {"pair": {"required": ["id"]}},
    "dependencies": {"amount": ["id"], "odd": {"required": ["id"]}},
    "allOf": [{"properties": {"id": {"type": "string"}}}],
    "anyOf": [{"required": ["id"]}, {"type": "null"}],
    "oneOf": [{"type": "object"}, {"type": "null"}],
    "not": {"required": ["never"]},
    "if": {"required": ["amount"]},
    "then": {"required": ["id"]},
    "else": True,
    "$defs": {"line": LINE, "a/b c": {"type": ["number", "boolean"]}},
    "definitions": {"old": {}},
    "x-parts": [0, {"odd": {"items": {"$ref": "#/$defs/line"}}}],
}


@pytest.fixture
def app() -> App:
    return make_app("Shop").app


@pytest.fixture
def empty() -> App:
    return make_app("Empty").app


def with_types(app: App) -> App:
    """An app with a type of every kind."""
    make_event_type(app, "order.paid", description="Paid.\nIn full.", schema=EVERYTHING, example={"id": "ord_1"})
    make_event_type(app, "order.bare")
    make_event_type(app, "order.open", schema={}, example={"list": [1, {"a": None}]})
    make_event_type(app, "order.worded", schema={"description": "Anything."}, example={})
    make_event_type(app, "order.old", description='Ünïcode, "quotes", <b>.', example={"": 1.5})
    EventType.objects.filter(app=app, name="order.old").update(deprecated=True)
    return app


def test_a_catalog_that_is_exported_and_imported_into_an_empty_app_is_equal(app: App, empty: App) -> None:
    document = json.loads(json.dumps(catalog_document(with_types(app))))

    plan = import_catalog(empty, document, ACTOR)

    assert types_of(empty) == types_of(app)
    assert len(types_of(empty)) == 5
    assert [each.outcome for each in plan.types] == [Outcome.CREATED] * 5
    again = catalog_document(empty)
    assert (again["webhooks"].keys(), again["components"]) == (document["webhooks"].keys(), document["components"])
    assert plan_import(empty, document).named(Outcome.UNCHANGED) == [each["name"] for each in types_of(app)]


def test_a_document_is_valid_openapi_3_1_with_built_in_types_and_without(app: App, empty: App) -> None:
    sync_event_catalog()
    for document in (
        catalog_document(with_types(app)),
        catalog_document(app, built_in=True),
        catalog_document(empty),
    ):
        assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
        assert document["openapi"] == "3.1.0"
    assert len(catalog_document(app, built_in=True)["webhooks"]) == 50
    assert catalog_document(empty)["webhooks"] == {}


def test_a_webhook_is_what_a_receiver_gets(app: App) -> None:
    schema = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
    make_event_type(app, "order.paid", description="Paid.", schema=schema, example={"total": 5})
    event = json.loads(emit(app, "order.paid", {"total": 5}).payload)

    document = catalog_document(app)

    operation = document["webhooks"]["order.paid"]["post"]
    media = operation["requestBody"]["content"]["application/json"]
    assert list(media["schema"]["properties"]) == list(event) == media["schema"]["required"] == list(media["example"])
    assert media["schema"]["properties"]["data"] == {"$ref": "#/components/schemas/order.paid"}
    assert media["schema"]["properties"]["type"] == {"const": "order.paid"}
    assert document["components"]["schemas"] == {"order.paid": schema}
    assert (media["example"]["app_id"], media["example"]["data"]) == (app.public_id, {"total": 5})
    assert (operation["description"], operation["tags"], "deprecated" in operation) == ("Paid.", ["order"], False)
    headers = [document["components"]["parameters"][each["$ref"].split("/")[-1]] for each in operation["parameters"]]
    assert [(each["name"], each["in"]) for each in headers] == [
        (name, "header")
        for name in (
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "switera-delivery-id",
            "switera-attempt",
            "switera-event-type",
        )
    ]


def test_references_lead_from_the_root_of_the_document(app: App) -> None:
    make_event_type(app, "order.paid", schema=EVERYTHING)
    schema = catalog_document(app)["components"]["schemas"]["order.paid"]

    assert schema["properties"]["lines"]["items"]["$ref"] == "#/components/schemas/order.paid/$defs/line"
    assert schema["$defs"]["line"]["properties"]["of"]["$ref"] == "#/components/schemas/order.paid"
    assert schema["x-parts"][1]["odd"]["items"]["$ref"] == "#/components/schemas/order.paid/$defs/line"
    assert schema["examples"] == EVERYTHING["examples"]
    assert schema["properties"]["$ref"] == EVERYTHING["properties"]["$ref"]


def test_built_in_types_are_passed_over_deprecated_ones_too(app: App, empty: App) -> None:
    sync_event_catalog()
    make_event_type(app, "order.paid")
    EventType.objects.create(app=None, name="email.telegraphed", deprecated=True)
    document = catalog_document(app, built_in=True)
    before = list(EventType.objects.filter(app=None).order_by("name").values())
    assert document["webhooks"]["email.telegraphed"]["post"]["deprecated"] is True
    assert document["webhooks"]["email.telegraphed"]["post"]["x-switera-built-in"] is True

    plan = import_catalog(empty, document, ACTOR)

    assert (plan.named(Outcome.CREATED), len(plan.named(Outcome.BUILT_IN))) == (["order.paid"], 46)
    assert [each["name"] for each in types_of(empty)] == ["order.paid"]
    assert list(EventType.objects.filter(app=None).order_by("name").values()) == before


# What is there already ----------------------------------------------------------------------------


def test_an_import_changes_what_differs_and_is_on_record_once_and_for_each_type(app: App, empty: App) -> None:
    for each in (app, empty):
        make_event_type(each, "order.paid", description="Paid.")
        make_event_type(each, "order.sent")
    make_event_type(app, "order.lost", example={"list": [1, 2]})
    make_event_type(empty, "order.own")
    EventType.objects.filter(app=app, name="order.paid").update(description="Paid in full.", example={"a": 1})
    AuditEntry.objects.all().delete()

    plan = import_catalog(empty, catalog_document(app), ACTOR)

    outcomes = {each.name: (each.outcome.value, each.fields) for each in plan.types}
    assert outcomes == {
        "order.lost": ("created", ()),
        "order.paid": ("changed", ("description", "example")),
        "order.sent": ("unchanged", ()),
    }
    assert [each["name"] for each in types_of(empty)] == ["order.lost", "order.own", "order.paid", "order.sent"]
    entries = AuditEntry.objects.filter(app=empty).order_by("id").values_list("action", "target_id", "changes")
    assert list(entries) == [
        ("event_type.created", "order.lost", {"example": {"list": [1, 2]}}),
        ("event_type.updated", "order.paid", {"description": ["Paid.", "Paid in full."], "example": [None, {"a": 1}]}),
        ("event_type.imported", empty.public_id, {"created": 1, "changed": 1, "unchanged": 1}),
    ]
    import_catalog(empty, catalog_document(app), ACTOR)
    assert AuditEntry.objects.filter(app=empty).count() == 3


def test_a_schema_that_breaks_what_is_relied_on_refuses_all(app: App) -> None:
    make_event_type(app, "order.paid", schema={"properties": {"id": {"type": "string"}}})
    emit(app, "order.paid", {})
    document = catalog_document(app)
    document["components"]["schemas"]["order.paid"] = {"properties": {"id": {"type": "integer"}}}
    document["webhooks"]["order.sent"] = {"post": {}}

    refusal = refused(app, document, Conflict)

    assert refusal.code == "breaking_schema_change"
    assert refusal.message == (
        "order.paid: `id` was string and is now integer: give the changed event a new name such as order.paid.v2."
    )


def test_what_was_looked_at_is_what_is_done_or_nothing(app: App) -> None:
    document = {"openapi": "3.1.0", "webhooks": {"order.paid": {"post": {}}, "order.sent": {"post": {}}}}
    plan = plan_import(app, document)
    make_event_type(app, "order.sent")
    with pytest.raises(Conflict) as caught:
        import_catalog(app, document, ACTOR, fingerprint=plan.fingerprint)
    assert caught.value.code == "catalog_changed"
    assert [each["name"] for each in types_of(app)] == ["order.sent"]

    import_catalog(app, document, ACTOR, fingerprint=plan_import(app, document).fingerprint)

    assert [each["name"] for each in types_of(app)] == ["order.paid", "order.sent"]


def test_s33_another_apps_types_are_neither_exported_nor_changed(app: App, empty: App) -> None:
    make_event_type(app, "order.paid", description="Mine.")
    document = {"openapi": "3.1.0", "webhooks": {"order.paid": {"post": {"description": "Theirs."}}}}

    assert import_catalog(empty, document, ACTOR).named(Outcome.CREATED) == ["order.paid"]

    assert [each["description"] for each in types_of(app)] == ["Mine."]
    assert list(catalog_document(empty)["webhooks"]) == ["order.paid"]
