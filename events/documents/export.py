"""An app's event catalog as an OpenAPI 3.1 document: a webhook for each type, as a receiver meets it."""

import copy
from collections.abc import Sequence
from typing import Any

from django.db.models import F

from events.catalog.references import found_at, reference_to
from events.catalog.schema_graph import DIALECT, subschemas_within
from events.documents.envelope import HEADERS, body_example, body_schema
from events.event_types import visible_event_types
from events.models import EventType
from switera_webhooks.times import iso
from webhooks.models import App

OPENAPI = "3.1.0"
BUILT_IN = "x-switera-built-in"
_ABOUT = (
    "The messages that endpoints of {name} can subscribe to. Each is a POST of JSON, signed by Standard Webhooks 1.0.0:"
    " verify `webhook-signature` over the exact bytes of the body before you trust it. Ignore fields that you do not"
    " know: types grow by new ones."
)
_ANSWERS = {
    "2XX": {"description": "Received. Any other answer, or none in time, is a failed attempt, and the next follows."},
    "410": {"description": "Gone: the endpoint is disabled at once."},
}


def catalog_document(app: App, *, built_in: bool = False) -> dict[str, Any]:
    """The document of the app's own types, and of the built-in ones where they are asked for too."""
    types = visible_event_types(app) if built_in else EventType.objects.filter(app=app)
    return _document(app, list(types.order_by(F("app").asc(nulls_last=True), "name")))


def _document(app: App, types: Sequence[EventType]) -> dict[str, Any]:
    changed_at = max([each.updated_at for each in types], default=app.created_at)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": f"{app.name}: webhooks",
            "version": iso(changed_at),
            "description": _ABOUT.format(name=app.name),
        },
        "jsonSchemaDialect": DIALECT,
        "webhooks": {each.name: {"post": _operation(app, each)} for each in types},
        "components": {
            "schemas": {each.name: _placed(each.schema, each.name) for each in types if isinstance(each.schema, dict)},
            "parameters": {
                name: {"name": name, "in": "header", "required": True, "schema": schema, "description": description}
                for name, (schema, description) in HEADERS.items()
            },
        },
    }


def _operation(app: App, event_type: EventType) -> dict[str, Any]:
    name = event_type.name
    # Without a schema it says so in place, which is read back as none; an empty schema is a component like any other.
    data = {"description": "Anything: the type has no schema."}
    if event_type.schema is not None:
        data = {"$ref": _place_of(name)}
    content: dict[str, Any] = {"schema": body_schema(name, data)}
    if event_type.example is not None:
        content["example"] = body_example(name, app, event_type.example)
    operation: dict[str, Any] = {"operationId": name, "tags": [event_type.family]}
    if event_type.description:
        operation["description"] = event_type.description
    if event_type.deprecated:
        operation["deprecated"] = True
    if event_type.built_in:
        operation[BUILT_IN] = True
    return {
        **operation,
        "parameters": [{"$ref": reference_to("components", "parameters", header)} for header in HEADERS],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _ANSWERS,
    }


def _place_of(name: str) -> str:
    return reference_to("components", "schemas", name)


def _placed(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema with its references leading to where it stands in the document.

    An `$id` would leave them as they are, but what reads OpenAPI often reads references from the document's root.
    """
    placed = copy.deepcopy(schema)
    referring: dict[int, dict[str, Any]] = {}
    waiting: list[object] = [placed]
    walked: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in walked:
            continue
        walked.add(id(part))
        for found in subschemas_within(part):
            if isinstance(found.get("$ref"), str):
                referring[id(found)] = found
                # It may lead to where no schema is looked for otherwise.
                waiting.append(_found_or_none(placed, str(found["$ref"])))
    for found in referring.values():
        found["$ref"] = _place_of(name) + str(found["$ref"])[1:]
    return placed


def _found_or_none(schema: object, reference: str) -> object:
    try:
        return found_at(schema, reference)
    except LookupError:  # of a schema that was stored before that was refused
        return None
