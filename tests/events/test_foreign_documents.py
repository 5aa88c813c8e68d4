"""Others' OpenAPI documents as a catalog: what is understood of them, and what is refused."""

import copy
from typing import Any

import pytest

from events.documents import importing
from events.documents.importing import import_catalog
from tests.events.importing import refused, types_of
from tests.factories import ACTOR, make_app
from webhooks.models import App

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app("Shop").app


def foreign(**webhooks: Any) -> dict[str, Any]:
    """A document of somebody else's: shared components, a path item by reference."""
    return {
        "openapi": "3.1.1",
        "info": {"title": "Pets", "version": "1"},
        "webhooks": {name.replace("__", "."): item for name, item in webhooks.items()},
        "components": {
            "schemas": {
                "Pet": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "owner": {"$ref": "#/components/schemas/Owner"}},
                },
                "Owner": {"type": "object", "properties": {"pets": {"items": {"$ref": "#/components/schemas/Pet"}}}},
            },
            "requestBodies": {"PetBody": body({"$ref": "#/components/schemas/Pet"})},
            "pathItems": {"Adopted": {"post": {"requestBody": {"$ref": "#/components/requestBodies/PetBody"}}}},
        },
    }


def body(schema: object, **media: Any) -> dict[str, Any]:
    return {"content": {"application/json; charset=utf-8": {"schema": schema, **media}}}


def test_a_body_without_our_envelope_is_the_data_with_what_it_refers_to(app: App) -> None:
    document = foreign(
        pet__adopted={"$ref": "#/components/pathItems/Adopted"},
        pet__fed={
            "post": {
                "summary": "A pet was fed.",
                "requestBody": body(
                    {"properties": {"pet": {"$ref": "#/components/schemas/Pet"}, "$defs": True}, "$defs": {"Pet": {}}},
                    examples={"one/two": {"value": {"pet": {"name": "Rex"}}}},
                ),
            }
        },
        pet__lost={"post": {"description": "Gone.", "deprecated": True}},
    )
    given = copy.deepcopy(document)

    import_catalog(app, document, ACTOR)

    assert document == given
    owner = {"type": "object", "properties": {"pets": {"items": {"$ref": "#"}}}}
    pet = {"type": "object", "properties": {"name": {"type": "string"}, "owner": {"$ref": "#/$defs/Owner"}}}
    adopted, fed, lost = types_of(app)
    assert adopted["schema"] == {**pet, "$defs": {"Owner": owner}}
    assert fed == {
        "name": "pet.fed",
        "description": "A pet was fed.",
        "schema": {
            "properties": {"pet": {"$ref": "#/$defs/Pet_2"}, "$defs": True},
            "$defs": {
                "Pet": {},
                "Pet_2": pet,
                "Owner": {"type": "object", "properties": {"pets": {"items": {"$ref": "#/$defs/Pet_2"}}}},
            },
        },
        "example": {"pet": {"name": "Rex"}},
        "deprecated": False,
    }
    assert (lost["description"], lost["schema"], lost["example"], lost["deprecated"]) == ("Gone.", None, None, True)


def test_the_data_of_an_envelope_of_standard_webhooks_is_the_schema(app: App) -> None:
    envelope = {
        "type": "object",
        "properties": {
            "type": {"const": "pet.fed"},
            "timestamp": {"type": "string"},
            "data": {"$ref": "#/components/schemas/Owner"},
        },
    }
    example = {"type": "pet.fed", "timestamp": "2026-01-01T00:00:00Z", "data": {"pets": []}}

    import_catalog(app, foreign(pet__fed={"post": {"requestBody": body(envelope, example=example)}}), ACTOR)

    [fed] = types_of(app)
    assert fed["schema"]["properties"] == {"pets": {"items": {"$ref": "#/$defs/Pet"}}}
    assert fed["example"] == {"pets": []}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], 'This is no OpenAPI document: it has no field "openapi".'),
        ({"swagger": "2.0"}, 'This is no OpenAPI document: it has no field "openapi".'),
        ({"openapi": "3.0.3", "webhooks": {}}, "This is OpenAPI 3.0.3: give a document of OpenAPI 3.1."),
        ({"openapi": "3.1.0", "paths": {}}, 'The document describes no events: it has nothing under "webhooks".'),
        ({"openapi": "3.1.0", "webhooks": []}, 'The document describes no events: it has nothing under "webhooks".'),
        (
            {"openapi": "3.1.0", "webhooks": {f"a.b{number}": {} for number in range(2_001)}},
            "The document has 2,001 webhooks: give at most 2,000 at a time.",
        ),
    ],
)
def test_what_is_no_document_of_events_is_refused_as_a_whole(app: App, document: object, sentence: str) -> None:
    refusal = refused(app, document)

    assert (refusal.code, refusal.message, refusal.details) == (
        "invalid_document", sentence, {"document": [sentence]},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ([], "The webhook must be an object."),
        ({"get": {}}, "Its operation post is missing."),
        ({"$ref": "#/webhooks/pet.fed"}, "References lead in a circle."),
        ({"$ref": "https://example.com/x"}, "References must stay inside the document"),
        ({"$ref": "#/components/pathItems/None"}, "The webhook is missing."),
        ({"post": {"description": "x" * 2_001}}, "description must be text of at most 2,000 characters."),
        ({"post": {"description": 5}}, "description must be text"),
        ({"post": {"deprecated": "yes"}}, "deprecated must be true or false."),
        ({"post": {"requestBody": {}}}, "The content of its requestBody is missing."),
        ({"post": {"requestBody": {"content": {"text/xml": {}}}}}, "no content of the type application/json"),
        ({"post": {"requestBody": body(5)}}, "A schema must be a JSON object."),
        ({"post": {"requestBody": body({"type": "thing"})}}, "The schema is not valid at #/type"),
        ({"post": {"requestBody": body({"items": {"$ref": "#/none"}})}}, '"$ref" leads nowhere: #/none'),
        ({"post": {"requestBody": body({"items": {"$ref": "https://example.com/x"}})}}, "nothing is fetched"),
        ({"post": {"requestBody": body({"$id": "urn:x", "type": "object"})}}, 'Leave out "$id"'),
        ({"post": {"requestBody": body({"pattern": "(?<=a)b"})}}, "cannot be checked in linear time"),
        ({"post": {"requestBody": body({"$defs": [], "items": {"$ref": "#/components/schemas/Pet"}})}}, '"$defs" must'),
        ({"post": {"requestBody": body({"description": "x" * 33_000, "minLength": 1})}}, "at most 32 KiB"),
        ({"post": {"requestBody": body({"type": "object"}, example=5)}}, "give one as the example."),
        ({"post": {"requestBody": body({}, example="a\0")}}, "Remove the character U+0000"),
        ({"post": {"requestBody": body({"title": "a\0", "type": "object"})}}, "Remove the character U+0000"),
    ],
)
def test_s41b_one_type_that_cannot_be_refuses_all_and_is_named(app: App, item: object, sentence: str) -> None:
    refusal = refused(app, foreign(pet__adopted={"post": {}}, pet__fed=item))

    assert refusal.message.startswith("pet.fed: ")
    assert sentence in refusal.message
    details = refusal.details["event_types"]
    assert isinstance(details, dict)
    assert list(details) == ["pet.fed"]
    assert details["pet.fed"]["message"] == refusal.message.removeprefix("pet.fed: ")


@pytest.mark.parametrize("name", ["Pet Fed", "pet", "webhook.mine", "a" * 150 + ".b", "pet.fed\0"])
def test_a_name_that_no_type_may_have_is_refused(app: App, name: str) -> None:
    refusal = refused(app, {"openapi": "3.1.0", "webhooks": {name: {"post": {}}}})

    assert refusal.code in ("invalid", "built_in_event_type")
    assert len(refusal.message) < 450


def test_s41b_what_many_schemas_share_costs_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document stays small while its schemas, each with what it refers to, would not."""
    large = {"description": "x" * 300_000}
    webhooks = {
        f"pet.n{number}": {"post": {"requestBody": body({"items": {"$ref": "#/components/schemas/Large"}})}}
        for number in range(2_000)
    }
    document = {"openapi": "3.1.0", "webhooks": webhooks, "components": {"schemas": {"Large": large}}}
    refusal = refused(app, document)
    assert refusal.message == "pet.n0: A schema may be at most 32 KiB, with all it refers to."

    monkeypatch.setattr(importing, "MAX_SCHEMAS_BYTES", 100_000)
    large["description"] = "x" * 30_000
    assert refused(app, document).message == "The document's schemas are over 4 MiB in all: import it in parts."
