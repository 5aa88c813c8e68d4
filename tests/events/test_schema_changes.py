"""Which changes of a schema break what receivers or emitters rely on, and how that is said."""

from typing import Any

import pytest

from events.catalog.schema_changes import breaking_changes

ORDER: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["order_id"],
    "properties": {
        "order_id": {"type": "string", "maxLength": 20},
        "amount": {"type": "integer", "minimum": 0},
        "currency": {"enum": ["EUR", "USD"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "payer": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"name": {"type": "string"}}}]},
    },
    "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string"}}}},
}


def with_field(name: str, schema: object) -> dict[str, Any]:
    return {**ORDER, "properties": {**ORDER["properties"], name: schema}}


def without_field(name: str) -> dict[str, Any]:
    return {**ORDER, "properties": {key: value for key, value in ORDER["properties"].items() if key != name}}


@pytest.mark.parametrize(
    "new",
    [
        ORDER,
        {**ORDER, "title": "An order", "description": "Paid.", "x-team": "billing", "examples": [{}]},
        {key: value for key, value in ORDER.items() if key != "$schema"},
        {**ORDER, "properties": dict(reversed(ORDER["properties"].items()))},
        {**ORDER, "type": ["object"], "additionalProperties": True},
        with_field("note", {"type": "string"}),
        with_field("note", {"enum": ["a"]}) | {"required": ["order_id"]},
        with_field("amount", {"type": "integer", "minimum": 0.0, "description": "In cents.", "default": 1}),
        with_field("currency", {"enum": ["USD", "EUR"]}),
        with_field("lines", {"type": "array", "items": ORDER["$defs"]["line"], "minItems": 0}),
        {**ORDER, "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string"}, "size": {}}}}},
        with_field(
            "payer",
            {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"name": {"type": "string"}, "vat": {}}}]},
        ),
    ],
)
def test_what_is_added_for_people_or_may_be_left_out_breaks_nothing(new: dict[str, Any]) -> None:
    assert breaking_changes(ORDER, new) == []


@pytest.mark.parametrize(
    ("new", "clause"),
    [
        ({**ORDER, "required": ["order_id", "amount"]}, "`amount` was optional and is now required"),
        ({**ORDER, "required": ["order_id", "note"]}, "`note` was added and is now required"),
        ({**ORDER, "required": []}, "`order_id` was required and is now optional"),
        (without_field("currency"), "`currency` was removed"),
        ({**ORDER, "type": ["object", "null"]}, "the data was object and is now object or null"),
        ({**ORDER, "additionalProperties": False}, "the data may no longer have other fields"),
        (with_field("amount", {"type": "number", "minimum": 0}), "`amount` was integer and is now number"),
        (with_field("amount", {"minimum": 0}), "`amount` was integer and is now of any type"),
        (with_field("amount", False), "`amount` is not allowed any more"),
        (
            with_field("amount", {"type": "integer", "minimum": 1}),
            'the rule "minimum" of `amount` was 0 and is now 1',
        ),
        (
            with_field("amount", {"type": "integer", "minimum": False}),
            'the rule "minimum" of `amount` was 0 and is now false',
        ),
        (with_field("amount", {"type": "integer"}), 'the rule "minimum" of `amount` was removed'),
        (
            with_field("order_id", {"type": "string", "maxLength": 20, "format": "uuid"}),
            'the rule "format" of `order_id` was added',
        ),
        (with_field("currency", {"enum": ["EUR"]}), '`currency` may no longer be "USD"'),
        (with_field("currency", {"enum": ["EUR", "USD", "CHF"]}), '`currency` may now also be "CHF"'),
        (with_field("currency", {"type": "string"}), "`currency` may now be any value"),
        (
            with_field("lines", {"type": "array", "items": {"properties": {"sku": {"type": "string"}}}}),
            "`lines[]` was object and is now of any type",
        ),
        (
            {**ORDER, "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "integer"}}}}},
            "`lines[].sku` was string and is now integer",
        ),
        (
            with_field("payer", {"anyOf": [{"type": "null"}]}),
            'the rule "anyOf" of `payer` had 2 parts and now has 1',
        ),
        (None, "the schema was removed"),
        ({}, "the schema was removed"),
        ({"title": "Anything", "$defs": {}}, "the schema was removed"),
    ],
)
def test_any_other_difference_breaks_and_says_where(new: object, clause: str) -> None:
    assert clause in breaking_changes(ORDER, new)
    assert len(breaking_changes(ORDER, new)) <= 2


@pytest.mark.parametrize(
    ("old", "new", "clauses"),
    [
        (None, ORDER, []),
        ({}, ORDER, []),
        ({"description": "Anything."}, ORDER, []),
        # A closed object may grow too: receivers ignore fields that they do not know.
        ({"additionalProperties": False}, {"additionalProperties": False, "properties": {"a": {}}}, []),
        ({"additionalProperties": False}, {"additionalProperties": True, "properties": {}}, []),
        # A field that takes a place which other names had before follows their rules.
        (
            {"additionalProperties": {"type": "string"}},
            {"additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}},
            [],
        ),
        (
            {"additionalProperties": {"type": "string"}},
            {"additionalProperties": {"type": "string"}, "properties": {"a": {"type": "integer"}}},
            ["`a` was string and is now integer"],
        ),
        (
            {"patternProperties": {"^x_": {"type": "string"}}},
            {"patternProperties": {"^x_": {"type": "string"}}, "properties": {"x_a": {}, "b": {}}},
            ['`x_a` was added, and the rule "patternProperties" covered it'],
        ),
        (
            {"patternProperties": {"(?<=a)b": True}},
            {"patternProperties": {"(?<=a)b": True}, "properties": {"c": {}}},
            ['`c` was added, and the rule "patternProperties" covered it'],
        ),
        # Where fields decide which form matches, none may come.
        (
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"oneOf": [{"required": ["a"], "properties": {"c": {}}}, {"required": ["b"]}]},
            ["`c` was added where that changes which values match"],
        ),
        ({"not": {"const": 1}}, {"not": {"const": True}}, ['the rule "const" of the data was 1 and is now true']),
        ({"const": None}, {"type": "null"}, ["the data was of any type and is now null",
                                             'the rule "const" of the data was removed']),
        ({"enum": [1]}, {"enum": [True]}, ["the data may no longer be 1", "the data may now also be true"]),
        ({"uniqueItems": False, "minLength": 0}, {"type": "array", "uniqueItems": True},
         ["the data was of any type and is now array", 'the rule "uniqueItems" of the data was added']),
        ({"if": {"const": 1}}, {"properties": {}, "required": []}, ['the rule "if" of the data was removed']),
        ({"dependentSchemas": {"a": {}}}, {"dependentSchemas": {"b": {}}},
         ['the rule "dependentSchemas" of the data has now other names']),
        ({"prefixItems": [{"type": "string"}]}, {"prefixItems": [{"type": "null"}]},
         ["`[0]` was string and is now null"]),
        ({"$ref": "#/nowhere", "minLength": 1}, {"$ref": "#/nowhere", "minLength": 1}, []),
        ({"minLength": 1, "$ref": "#/$defs/a", "$defs": {"a": {}}}, {"minLength": 1},
         ['the rule "$ref" of the data was removed']),
    ],
)  # fmt: skip
def test_what_a_difference_means_depends_on_where_it_is(old: object, new: object, clauses: list[str]) -> None:
    assert breaking_changes(old, new) == clauses


def test_schemas_that_refer_to_themselves_are_compared_once_and_not_for_ever() -> None:
    """S41b."""
    tree = {"properties": {"children": {"items": {"$ref": "#"}}, "name": {"type": "string"}}}
    other = {"properties": {"children": {"items": {"$ref": "#"}}, "name": {"type": "integer"}}}
    assert breaking_changes(tree, tree) == []
    assert breaking_changes(tree, other) == ["`name` was string and is now integer"]

    def ring(length: int) -> dict[str, Any]:
        names = [f"n{number}" for number in range(length)]
        after = [*names[1:], names[0]]
        definitions = {a: {"items": {"$ref": f"#/$defs/{b}"}} for a, b in zip(names, after, strict=True)}
        return {"$ref": "#/$defs/n0", "$defs": definitions}

    assert breaking_changes(ring(7), ring(11)) == []
    assert breaking_changes(ring(499), ring(500)) == ["the schemas refer to themselves in too many ways to be compared"]
