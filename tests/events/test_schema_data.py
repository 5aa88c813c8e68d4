"""Checking an event's data against its type's schema: what is wrong is said where, in a sentence a field."""

import enum
from collections import OrderedDict
from typing import Any

import pytest
from django.utils.safestring import mark_safe

from events.catalog.schemas import DataRefused, check_data, check_example

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^ord_"},
        "total": {"type": "number", "minimum": 0, "multipleOf": 0.01},
        "currency": {"enum": ["EUR", "USD"]},
        "note": {"type": ["string", "null"], "maxLength": 5},
        "paid_at": {"type": "string", "format": "date-time"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}},
                "required": ["sku"],
            },
        },
    },
    "required": ["id"],
    "additionalProperties": False,
}


def problems(schema: dict[str, Any], data: object) -> list[tuple[str, str]]:
    with pytest.raises(DataRefused) as refused:
        check_data(schema, data)
    found = [(problem["path"], problem["message"]) for problem in refused.value.problems]
    assert (refused.value.path, refused.value.message) == found[0]
    assert str(refused.value) == refused.value.message
    assert 1 <= len(found) <= 10
    return found


def sentence(schema: dict[str, Any], data: object) -> str:
    (_, message), *others = problems(schema, data)
    assert others == []
    return message


def test_data_that_keeps_the_schema_is_taken() -> None:
    check_data(
        ORDER,
        {
            "id": "ord_1",
            "total": 12.34,
            "currency": "EUR",
            "note": None,
            "paid_at": "2026-03-02T09:30:00Z",
            "lines": [{"sku": "a", "quantity": 2.0}],
        },
    )
    no_rules: dict[str, Any] = {}
    for value in (None, 5, "text", [no_rules], no_rules):
        check_data(no_rules, value)


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"total": "x"}, "data.total", "data.total must be a number."),
        ({"total": -1}, "data.total", "data.total must be at least 0."),
        ({"total": 0.001}, "data.total", "data.total must be a multiple of 0.01."),
        ({"currency": "GBP"}, "data.currency", 'data.currency must be "EUR" or "USD".'),
        ({"note": 5}, "data.note", "data.note must be null or a string."),
        ({"note": "secret"}, "data.note", "data.note may have at most 5 characters."),
        ({"id": "x"}, "data.id", 'data.id must match the pattern "^ord_".'),
        ({"paid_at": "yesterday"}, "data.paid_at", "data.paid_at must be text in the format date-time."),
        ({"lines": [{"sku": "a"}, {}]}, "data.lines[1].sku", "data.lines[1].sku is required."),
        (
            {"lines": [{"sku": "a", "quantity": 1.5}]},
            "data.lines[0].quantity",
            "data.lines[0].quantity must be an integer.",
        ),
        ({"gift": True}, "data", 'data may not have a field "gift".'),
    ],
)
def test_the_problem_names_its_field_and_never_the_value(change: dict[str, Any], path: str, message: str) -> None:
    assert problems(ORDER, {"id": "ord_1", **change}) == [(path, message)]


def test_all_problems_are_told_up_to_ten() -> None:
    assert problems(ORDER, {"total": "x", "lines": [{}, 5]}) == [
        ("data.total", "data.total must be a number."),
        ("data.lines[0].sku", "data.lines[0].sku is required."),
        ("data.lines[1]", "data.lines[1] must be an object."),
        ("data.id", "data.id is required."),
    ]
    many = problems({"items": {"type": "string"}}, list(range(50)))
    assert many == [(f"data[{n}]", f"data[{n}] must be a string.") for n in range(10)]


@pytest.mark.parametrize(
    ("schema", "data", "message"),
    [
        ({"type": "object"}, [], "data must be an object."),
        ({"type": ["boolean", "array"]}, 1, "data must be true or false or an array."),
        ({"const": {"a": [1]}}, 1, 'data must be {"a": [1]}.'),
        ({"enum": ["only"]}, 1, 'data must be "only".'),
        ({"minLength": 1}, "", "data must have at least 1 character."),
        ({"maximum": 5}, 6, "data may be at most 5."),
        ({"exclusiveMinimum": 0}, 0, "data must be greater than 0."),
        ({"exclusiveMaximum": 1.5}, 2, "data must be less than 1.5."),
        ({"minItems": 2}, [], "data must have at least 2 items."),
        ({"maxItems": 1}, [1, 2], "data may have at most 1 item."),
        ({"minProperties": 1}, {}, "data must have at least 1 field."),
        ({"maxProperties": 0}, {"a": 1}, "data may have at most 0 fields."),
        ({"uniqueItems": True}, [1, 1.0], "data may not have the same item twice."),
        ({"additionalProperties": False}, {"a": 1}, "data may not have fields."),
        (
            {"properties": {"c": True}, "additionalProperties": False},
            {"a": 1, "b": 1},
            'data may not have fields "a" and "b".',
        ),
        ({"properties": {"a": False}}, {"a": 1}, "data.a is not allowed."),
        ({"prefixItems": [True], "items": False}, [1, 2], "data[1] is not allowed."),
        (
            {"propertyNames": {"pattern": "^a"}},
            {"b": 1},
            'data has a field whose name the schema\'s "propertyNames" does not allow.',
        ),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "data.b is required."),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 1, "data matches none of the forms that the schema allows."),
        ({"oneOf": [{"type": "string"}]}, 1, "data matches none of the forms that the schema allows."),
        ({"oneOf": [True, {"minimum": 0}]}, 1, 'data matches more than one form of the schema\'s "oneOf".'),
        ({"not": {"type": "integer"}}, 1, 'data breaks the rule "not" of the schema.'),
        ({"contains": {"type": "string"}}, [1], 'data breaks the rule "contains" of the schema.'),
        ({"if": {"minimum": 5}, "then": {"multipleOf": 2}}, 7, "data must be a multiple of 2."),
        ({"format": "email"}, "x", "data must be text in the format email."),
    ],
)
def test_every_rule_has_its_sentence(schema: dict[str, Any], data: object, message: str) -> None:
    assert sentence(schema, data) == message


def test_long_lists_names_and_paths_are_cut() -> None:
    words = sentence({"enum": [f"word_{n}" for n in range(100)]}, 1)
    assert words.endswith('"word_8", "word_9" or one of 90 others.')

    names = sentence({"properties": {"a": True}, "additionalProperties": False}, {f"f{n}": 1 for n in range(100)})
    assert names.endswith('"f9" and 90 others.')

    assert len(sentence({"additionalProperties": {"type": "string"}}, {"x" * 100_000: 1})) < 250
    assert len(sentence({"const": "x" * 10_000}, 1)) < 100


def test_a_field_name_that_is_no_word_is_quoted() -> None:
    schema = {"additionalProperties": {"additionalProperties": {"type": "string"}}}

    assert problems(schema, {"a.b": {'c"\n': 1}})[0][0] == 'data["a.b"]["c\\"\\n"]'


def test_the_first_problem_of_large_data_is_told_alone() -> None:
    lines = [{"sku": "a", "quantity": 1}] * 8_000

    assert problems(ORDER, {"id": "ord_1", "lines": [*lines, {}, {}]}) == [
        ("data.lines[8000].sku", "data.lines[8000].sku is required.")
    ]


def test_alternatives_of_large_data_are_refused_without_a_place() -> None:
    schema = {"items": {"anyOf": [{"type": "string"}, {"type": "boolean"}]}}
    check_data(schema, ["a", True] * 20_000)

    assert problems(schema, [1] * 40_000) == [
        ("data", "data does not match the schema, and is too large to say where.")
    ]


def test_an_example_is_called_by_its_name() -> None:
    check_example(ORDER, {"id": "ord_1"})
    with pytest.raises(DataRefused) as refused:
        check_example(ORDER, {"id": 1})

    assert refused.value.problems == [{"path": "example.id", "message": "example.id must be a string."}]


def test_an_example_is_no_larger_than_what_can_be_sent() -> None:
    check_example({}, {"a": "x" * (256 * 1024 - 8)})
    with pytest.raises(DataRefused, match=r"^example may be at most 256 KiB\.$"):
        check_example({}, {"a": "x" * (256 * 1024 - 7)})


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [65, 500, 100_000])
def test_data_nests_at_most_64_levels(levels: int) -> None:
    schema = {"items": {"$ref": "#"}}
    check_data(schema, nested(64))

    assert sentence(schema, nested(levels)) == "data may nest at most 64 levels."


def test_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {}
    data["self"] = [data, data]

    assert problems({}, data)[0][0] == "data"


@pytest.mark.parametrize("number", [10**100, -(10**5000)], ids=["101 digits", "5001 digits"])
def test_integers_have_at_most_100_digits(number: int) -> None:
    check_data({"type": "integer"}, 10**100 - 1)

    assert sentence({}, {"a": [number]}) == "data may not hold integers of more than 100 digits."


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (mark_safe("red"), {"const": "red"}),
        (Colour.RED, {"const": "red"}),
        (enum.IntEnum("Size", {"S": 1}).S, {"const": 1}),  # type: ignore[attr-defined]
        ((1, 2), {"const": [1, 2]}),
        (OrderedDict(a=1), {"const": {"a": 1}}),
        ({mark_safe("a"): 1}, {"const": {"a": 1}}),
        ({1: 2}, {"const": {"1": 2}}),
        ({"a": mark_safe("b")}, {"properties": {"a": {"const": "b"}}}),
    ],
    ids=["safe text", "word", "number", "tuple", "ordered", "safe key", "number as key", "inside"],
)
def test_values_of_code_are_checked_as_they_are_sent(data: object, wanted: dict[str, Any]) -> None:
    check_data(wanted, data)
    with pytest.raises(DataRefused):
        check_data({"not": wanted}, data)


@pytest.mark.parametrize(
    "data",
    [{"a": object()}, float("nan"), [float("-inf")], {("a",): 1}, b"x", {1, 2}],
    ids=["object", "nan", "infinity", "tuple as key", "bytes", "set"],
)
def test_what_is_no_json_is_refused(data: object) -> None:
    assert sentence({}, data) == ("data must be JSON: objects, arrays, text, finite numbers, true, false and null.")


def test_half_a_surrogate_pair_is_checked_as_some_character() -> None:
    check_data({"properties": {"a": {"type": "string", "maxLength": 1}}}, {"a": "\ud800"})

    assert sentence({"properties": {"a": {"maxLength": 1}}}, {"a": "\ud800\udfff\ud800"}) == (
        "data.a may have at most 1 character."
    )
