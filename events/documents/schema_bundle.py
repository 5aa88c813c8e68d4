"""A schema taken out of a document, with all that it refers to in it, so that it stands by itself."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from events.catalog.references import found_at, names_of, reference_to
from events.catalog.refusals import SchemaRefused
from events.catalog.schema_graph import shown, subschemas_within
from events.catalog.schemas import MAX_SCHEMA_BYTES

# References are longer in a document than they become.
_MOST_BYTES = 8 * MAX_SCHEMA_BYTES


class SchemaBundler:
    """Takes schemas out of one document. What is large is measured once, however many schemas refer to it."""

    def __init__(self, document: object) -> None:
        self._document = document
        self._sizes: dict[int, int] = {}

    def schema_at(self, reference: str) -> object:
        """The schema at this place of the document, as an event type may have it.

        References into the schema itself lead where they led; what else they lead to comes along as `$defs`. Raises
        SchemaRefused where a reference leads nowhere, or to far more than a schema may hold. References out of the
        document stay: whoever checks the schema refuses them.
        """
        found = found_at(self._document, reference)
        if not isinstance(found, dict):
            return found
        bundle = _Bundle(copy.deepcopy(found))
        size = self._size(found)
        for schema in bundle.referring():
            target = str(schema["$ref"])
            if target == reference or target.startswith(f"{reference}/"):
                schema["$ref"] = f"#{target.removeprefix(reference)}"
                bundle.add(_found(bundle.root, schema["$ref"], target))
                continue
            if target not in bundle.definitions:
                part = _found(self._document, target, target)
                size += self._size(part)
                if size <= _MOST_BYTES:
                    bundle.define(target, copy.deepcopy(part))
            if size > _MOST_BYTES:
                raise SchemaRefused(f"A schema may be at most {MAX_SCHEMA_BYTES // 1024} KiB, with all it refers to.")
            schema["$ref"] = reference_to("$defs", bundle.definitions[target])
        return bundle.root

    def _size(self, part: object) -> int:
        if id(part) not in self._sizes:
            self._sizes[id(part)] = len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode())
        return self._sizes[id(part)]


def _found(document: object, reference: str, shown_as: str) -> object:
    try:
        return found_at(document, reference)
    except LookupError as error:
        raise SchemaRefused(f'"$ref" leads nowhere: {shown(shown_as)} is not in the document.') from error


class _Bundle:
    """A schema that grows by definitions; `definitions` are their names, by where each was in the document."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.definitions: dict[str, str] = {}
        self._waiting: list[object] = [root]
        self._walked: set[int] = set()

    def referring(self) -> Iterator[dict[str, Any]]:
        """Each of its schemas that refers to a place of a document, also of those that are added meanwhile."""
        referring: set[int] = set()
        while self._waiting:
            part = self._waiting.pop()
            if id(part) in self._walked:
                continue
            self._walked.add(id(part))
            for schema in subschemas_within(part):
                if id(schema) not in referring and str(schema.get("$ref", "")).startswith("#"):
                    referring.add(id(schema))
                    yield schema

    def add(self, part: object) -> None:
        """Look for references in this part of the root too: it may be where no schema is looked for otherwise."""
        self._waiting.append(part)

    def define(self, place: str, schema: object) -> None:
        """Add what stood at this place."""
        definitions = self.root.setdefault("$defs", {})
        if not isinstance(definitions, dict):
            raise SchemaRefused('"$defs" must be an object.')
        name = base = (names_of(place) or ["document"])[-1]
        number = 2
        while name in definitions:
            name = f"{base}_{number}"
            number += 1
        definitions[name] = schema
        self.definitions[place] = name
        self.add(schema)
