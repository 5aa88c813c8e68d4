"""What an OpenAPI document says of events, one by one: ours, or anybody's that describes webhooks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from events.catalog.json_values import holds_nul
from events.catalog.references import found_at, reference_to
from events.catalog.refusals import SchemaRefused
from events.documents.envelope import MARKS
from events.documents.schema_bundle import SchemaBundler
from switera_webhooks.refusals import InvalidInput

MAX_TYPES = 2_000
MAX_DESCRIPTION = 2_000
_MAX_STEPS = 20
# What a schema may hold without saying anything of the data.
_WORDS = frozenset(("title", "description", "$comment"))


@dataclass(frozen=True)
class DocumentedType:
    """One webhook of a document, as an event type would be; the name is as it stands there."""

    name: str
    description: str
    schema: object | None
    example: object | None
    deprecated: bool


# Reads one webhook. Raises InvalidInput.
Read = Callable[[], DocumentedType]


def read_document(document: object) -> dict[str, Read]:
    """The webhooks of an OpenAPI 3.1 document, each to be read by itself, by name in the document's order.

    Raises InvalidInput where it is no such document, or has more than MAX_TYPES webhooks.
    """
    if not isinstance(document, dict) or not isinstance(version := document.get("openapi"), str):
        raise document_refused('This is no OpenAPI document: it has no field "openapi".')
    if not version.startswith("3.1."):
        raise document_refused(f"This is OpenAPI {version[:20]}: give a document of OpenAPI 3.1.")
    webhooks = document.get("webhooks")
    if not isinstance(webhooks, dict) or not webhooks:
        raise document_refused('The document describes no events: it has nothing under "webhooks".')
    if len(webhooks) > MAX_TYPES:
        raise document_refused(f"The document has {len(webhooks):,} webhooks: give at most {MAX_TYPES:,} at a time.")
    reader = _Reader(document)
    return {name: partial(reader.webhook, name) for name in webhooks}


def document_refused(sentence: str) -> InvalidInput:
    """The refusal of a document as a whole."""
    return InvalidInput(sentence, code="invalid_document", details={"document": [sentence]})


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._bundler = SchemaBundler(document)

    def webhook(self, name: str) -> DocumentedType:
        """Raises InvalidInput."""
        item = self._object(reference_to("webhooks", name), "the webhook")
        operation = self._object(f"{item}/post", "its operation post")
        found = self._at(operation)
        description = found.get("description") or found.get("summary") or ""
        if not isinstance(description, str) or len(description) > MAX_DESCRIPTION or "\0" in description:
            raise InvalidInput(f"description must be text of at most {MAX_DESCRIPTION:,} characters.")
        deprecated = found.get("deprecated", False)
        if not isinstance(deprecated, bool):
            raise InvalidInput("deprecated must be true or false.")
        schema, example = self._body(operation) if "requestBody" in found else (None, None)
        if holds_nul(schema) or holds_nul(example):
            raise InvalidInput("Remove the character U+0000: it cannot be stored.")
        return DocumentedType(name, description, schema, example, deprecated)

    def _body(self, operation: str) -> tuple[object | None, object | None]:
        """Schema and example of an event's data."""
        body = self._object(f"{operation}/requestBody", "its requestBody")
        content = self._object(f"{body}/content", "the content of its requestBody")
        kinds = [kind for kind in self._at(content) if kind.partition(";")[0].strip().lower() == "application/json"]
        if not kinds:
            raise InvalidInput("Its requestBody has no content of the type application/json.")
        media = f"{content}/{reference_to(kinds[0])[2:]}"
        example = self._example(self._object(media, "its application/json"))
        if "schema" not in self._at(media):
            return None, example
        place = self._followed(f"{media}/schema")
        if _is_envelope(found_at(self._document, place)):
            example = example.get("data") if isinstance(example, dict) else None
            place = self._followed(f"{place}/properties/data")
        try:
            schema = self._bundler.schema_at(place)
        except SchemaRefused as refused:
            raise InvalidInput(str(refused)) from refused
        # Ours has a component for each schema there is, be it empty.
        is_none = schema is True or (_says_nothing(schema) and not place.startswith("#/components/"))
        return (None if is_none else schema), example

    def _example(self, media: str) -> object | None:
        found = self._at(media)
        if "example" in found:
            example: object = found["example"]
            return example
        examples = found.get("examples")
        if not isinstance(examples, dict) or not examples:
            return None
        first = self._object(f"{media}/examples/{reference_to(str(next(iter(examples))))[2:]}", "its first example")
        value: object = self._at(first).get("value")
        return value

    def _at(self, place: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = found_at(self._document, place)  # type: ignore[assignment]  # (_object has looked)
        return found

    def _object(self, place: str, what: str) -> str:
        """Where the object is that is meant at this place. Raises InvalidInput where none is."""
        place = self._followed(place, what)
        if not isinstance(found_at(self._document, place), dict):
            raise InvalidInput(f"{what[0].upper()}{what[1:]} must be an object.")
        return place

    def _followed(self, place: str, what: str = "its schema") -> str:
        """The place that references lead to, as long as there is nothing beside them. Raises InvalidInput."""
        for _ in range(_MAX_STEPS):
            try:
                found = found_at(self._document, place)
            except LookupError as error:
                raise InvalidInput(f"{what[0].upper()}{what[1:]} is missing.") from error
            if not isinstance(found, dict) or not isinstance(target := found.get("$ref"), str):
                return place
            if not target.startswith("#"):
                raise InvalidInput("References must stay inside the document, such as #/components/schemas/name.")
            if found.keys() - {"$ref", "summary", "description"}:
                return place
            place = target
        raise InvalidInput("References lead in a circle.")


def _is_envelope(schema: object) -> bool:
    fields = schema.get("properties") if isinstance(schema, dict) else None
    return isinstance(fields, dict) and fields.keys() >= MARKS


def _says_nothing(schema: object) -> bool:
    return isinstance(schema, dict) and schema.keys() <= _WORDS
