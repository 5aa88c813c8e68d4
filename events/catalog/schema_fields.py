"""A JSON Schema as a person reads it: a row for each field, what is nested right below.

It reads schemas that `check_schema` let through, and older ones: whatever it cannot read is left out, and the schema
itself stands beside it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

# References can unfold 32 KiB of schema into more rows than there is time for.
MAX_ROWS = 300
_MAX_STEPS = 5_000
_MAX_DEPTH = 12
_SHOWN_ALTERNATIVES = 6
_SHOWN_CHARACTERS = 60

_LIMITS = (
    ("format", "{}"),
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "length at least {}"),
    ("maxLength", "length at most {}"),
    ("pattern", "matches {}"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
)


@dataclass(frozen=True)
class SchemaField:
    """One row. `parent` and `name` together are the path: `items[].` and `sku`; `depth` counts from 0.

    `values` are the only ones allowed, as JSON; `limits` are words such as "at least 0".
    """

    parent: str
    name: str
    depth: int
    type: str
    required: bool
    description: str
    values: tuple[str, ...]
    limits: tuple[str, ...]


def fields_of(schema: object) -> list[SchemaField]:
    """The rows of a schema, MAX_ROWS at most; none where it names no field."""
    root = _mapping(schema)
    return list(islice(_Reader(root).below(root, "", 0, ()), MAX_ROWS))


class _Reader:
    """Reads one schema. `followed` are the references on the way to a place, which end a circle."""

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._steps = 0

    def below(
        self, schema: Mapping[str, object], parent: str, depth: int, followed: tuple[str, ...]
    ) -> Iterator[SchemaField]:
        """The fields within a value of this schema."""
        if not schema or depth > _MAX_DEPTH or self._is_tired(followed):
            return
        schema, followed = self._resolved(schema, followed)
        for part in _parts(schema, "allOf"):
            yield from self.below(part, parent, depth, followed)
        required = _list(schema.get("required"))
        for name, child in _mapping(schema.get("properties")).items():
            yield from self._row(child, parent, name, depth, name in required, followed)
        for pattern, child in _mapping(schema.get("patternProperties")).items():
            yield from self._row(child, parent, f"/{pattern}/", depth, False, followed)
        if others := _mapping(schema.get("additionalProperties")):
            yield from self._row(others, parent, "(any other name)", depth, False, followed)
        for number, child in enumerate(_list(schema.get("prefixItems"))):
            yield from self._row(child, parent, f"[{number}]", depth, False, followed)
        yield from self.below(_mapping(schema.get("items")), f"{parent.removesuffix('.')}[].", depth, followed)
        for keyword in ("anyOf", "oneOf"):
            yield from self._alternatives(_parts(schema, keyword), parent, depth, followed)

    def _alternatives(
        self, parts: Sequence[Mapping[str, object]], parent: str, depth: int, followed: tuple[str, ...]
    ) -> Iterator[SchemaField]:
        forms = [part for part in parts if _has_fields(self._resolved(part, followed)[0])]
        for number, part in enumerate(forms, 1):
            if len(forms) > 1:
                title = f"(form {number} of {len(forms)})"
                yield SchemaField(parent, title, depth, self._type(part, followed), False, _description(part), (), ())
            yield from self.below(part, parent, depth + (len(forms) > 1), followed)

    def _row(
        self, child: object, parent: str, name: str, depth: int, required: bool, followed: tuple[str, ...]
    ) -> Iterator[SchemaField]:
        if child is False:  # a name that is not allowed
            return
        schema = _mapping(child)
        resolved, _ = self._resolved(schema, followed)
        yield SchemaField(
            parent,
            name,
            depth,
            self._type(schema, followed),
            required,
            _description(resolved),
            _values(resolved),
            tuple(_limits(resolved)),
        )
        yield from self.below(schema, f"{parent}{name}.", depth + 1, followed)

    def _resolved(
        self, schema: Mapping[str, object], followed: tuple[str, ...]
    ) -> tuple[Mapping[str, object], tuple[str, ...]]:
        """What a local reference points to, with what stands beside it, which wins; in a circle only the latter."""
        while isinstance(reference := schema.get("$ref"), str):
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            if reference in followed:
                return beside, followed
            followed = (*followed, reference)
            schema = {**self._at(reference), **beside}
        return schema, followed

    def _at(self, reference: str) -> Mapping[str, object]:
        found: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = _mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
        return _mapping(found)

    def _type(self, schema: Mapping[str, object], followed: tuple[str, ...]) -> str:
        if self._is_tired(followed):
            return "any"
        resolved, followed = self._resolved(schema, followed)
        types = [name for name in _list(resolved.get("type")) if isinstance(name, str)]
        if isinstance(named := resolved.get("type"), str):
            types = [named]
        types = types or self._implied_types(resolved, followed)
        if "array" in types and (items := _mapping(resolved.get("items"))):
            of = self._type(items, followed)
            types = [f"array of {of}" if name == "array" and of != "any" else name for name in types]
        return " or ".join(dict.fromkeys(types)) or "any"

    def _implied_types(self, schema: Mapping[str, object], followed: tuple[str, ...]) -> list[str]:
        """What a schema without `type` gives away."""
        if "properties" in schema:
            return ["object"]
        if "items" in schema:
            return ["array"]
        if "const" in schema or "enum" in schema:
            return [_type_of_value(value) for value in _allowed(schema)]
        parts = [part for keyword in ("anyOf", "oneOf") for part in _parts(schema, keyword)]
        return [self._type(part, followed) for part in parts[:_SHOWN_ALTERNATIVES]]

    def _is_tired(self, followed: tuple[str, ...]) -> bool:
        self._steps += 1
        return self._steps > _MAX_STEPS or len(followed) > _MAX_DEPTH


def _type_of_value(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _allowed(schema: Mapping[str, object]) -> Sequence[object]:
    return [schema["const"]] if "const" in schema else _list(schema.get("enum"))


def _values(schema: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(_shown(value) for value in _allowed(schema))


def _limits(schema: Mapping[str, object]) -> Iterator[str]:
    for keyword, words in _LIMITS:
        value = schema.get(keyword)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield words.format(value if isinstance(value, str) else _shown(value))
    if schema.get("uniqueItems") is True:
        yield "each item once"
    if schema.get("deprecated") is True:
        yield "deprecated"
    if "default" in schema:
        yield f"{_shown(schema['default'])} by default"


def _has_fields(schema: Mapping[str, object]) -> bool:
    return bool(_mapping(schema.get("properties")) or _mapping(schema.get("items")))


def _description(schema: Mapping[str, object]) -> str:
    text = schema.get("description") or schema.get("title")
    return text if isinstance(text, str) else ""


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _parts(schema: Mapping[str, object], keyword: str) -> list[Mapping[str, object]]:
    return [part for part in _list(schema.get(keyword)) if isinstance(part, Mapping)]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []
