"""A schema as rows that people read."""

from typing import Any

import pytest

from events.catalog.built_in import BUILT_IN_TYPES
from events.catalog.schema_fields import MAX_ROWS, fields_of

Row = tuple[int, str, str, bool]


def rows(schema: object) -> list[Row]:
    """Depth, path, type and whether it is required, of each row."""
    return [(row.depth, row.parent + row.name, row.type, row.required) for row in fields_of(schema)]


def test_objects_and_arrays_nest_below_their_field() -> None:
    schema = {
        "type": "object",
        "required": ["order_id", "items"],
        "properties": {
            "order_id": {"type": "string"},
            "items": {
                "type": "array",
                "items": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}},
            },
            "address": {"type": ["object", "null"], "properties": {"city": {"type": "string"}}},
            "tags": {"type": "array", "items": {"type": "string"}},
            "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        },
    }

    assert rows(schema) == [
        (0, "order_id", "string", True),
        (0, "items", "array of object", True),
        (1, "items[].sku", "string", True),
        (0, "address", "object or null", False),
        (1, "address.city", "string", False),
        (0, "tags", "array of string", False),
        (0, "matrix", "array of array of number", False),
    ]


def test_descriptions_values_and_limits_are_told_in_words() -> None:
    schema = {
        "properties": {
            "currency": {"enum": ["EUR", "USD", None], "description": "ISO 4217."},
            "kind": {"const": "order", "title": "What it is."},
            "total": {"type": "integer", "minimum": 0, "exclusiveMaximum": 10, "default": 5},
            "at": {"type": "string", "format": "date-time", "pattern": "^2", "minLength": 1},
            "names": {"type": "array", "items": {}, "minItems": 1, "uniqueItems": True},
        }
    }

    told = {row.name: (row.type, row.description, row.values, row.limits) for row in fields_of(schema)}

    assert told == {
        "currency": ("string or null", "ISO 4217.", ('"EUR"', '"USD"', "null"), ()),
        "kind": ("string", "What it is.", ('"order"',), ()),
        "total": ("integer", "", (), ("at least 0", "less than 10", "5 by default")),
        "at": ("string", "", (), ("date-time", "length at least 1", "matches ^2")),
        "names": ("array", "", (), ("at least 1 items", "each item once")),
    }


def test_references_alternatives_and_other_names_are_followed() -> None:
    schema = {
        "$defs": {"money": {"description": "Cents.", "properties": {"amount": {"type": "integer"}}}},
        "allOf": [{"properties": {"total": {"$ref": "#/$defs/money"}}}],
        "properties": {
            "tax": {"$ref": "#/$defs/money", "description": "Of it."},
            "payment": {"oneOf": [{"properties": {"iban": {}}}, {"properties": {"card": {}}}, {"type": "null"}]},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
            "gone": False,
        },
        "additionalProperties": {"type": "boolean"},
    }

    assert rows(schema) == [
        (0, "total", "object", False),
        (1, "total.amount", "integer", False),
        (0, "tax", "object", False),
        (1, "tax.amount", "integer", False),
        (0, "payment", "object or null", False),
        (1, "payment.(form 1 of 2)", "object", False),
        (2, "payment.iban", "any", False),
        (1, "payment.(form 2 of 2)", "object", False),
        (2, "payment.card", "any", False),
        (0, "pair", "array", False),
        (1, "pair.[0]", "string", False),
        (1, "pair.[1]", "integer", False),
        (0, "(any other name)", "boolean", False),
    ]
    assert {row.name: row.description for row in fields_of(schema)}["tax"] == "Of it."


@pytest.mark.parametrize("schema", [None, {}, [], "x", True, {"properties": []}, {"$ref": "#/nowhere"}, {"items": 3}])
def test_what_names_no_field_has_no_rows(schema: object) -> None:
    assert fields_of(schema) == []


def test_circles_end() -> None:
    schema = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "properties": {"head": {"$ref": "#/$defs/node"}, "self": {"$ref": "#"}},
    }

    assert rows(schema)[:2] == [(0, "head", "object", False), (1, "head.next", "any", False)]
    assert len(fields_of(schema)) < MAX_ROWS


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf", "properties"])
def test_s41b_references_that_unfold_without_end_are_cut_short(keyword: str) -> None:
    """Each of 200 refers to the next one twice: 2 to the power of 200 ways."""

    def twice(number: int) -> Any:
        following = {"$ref": f"#/$defs/d{number + 1}"}
        return {"a": following, "b": following} if keyword == "properties" else [following, following]

    schema = {
        "$defs": {f"d{number}": {keyword: twice(number)} for number in range(200)},
        "properties": {"start": {"$ref": "#/$defs/d0"}},
    }

    # Without an end to it this would take for ever.
    assert 1 <= len(fields_of(schema)) <= MAX_ROWS


def test_every_built_in_type_is_read_whole() -> None:
    for event_type in BUILT_IN_TYPES.values():
        assert [row.name for row in fields_of(event_type.schema)] == list(event_type.example)
        assert all(row.required and row.description and row.type != "any" for row in fields_of(event_type.schema))
