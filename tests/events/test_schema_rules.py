"""S41b: which JSON Schemas event types may have."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from events.catalog.schemas import SchemaRefused, _validator, check_data, check_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def refusal(schema: object) -> str:
    with pytest.raises(SchemaRefused) as refused:
        check_schema(schema)
    assert refused.value.message == str(refused.value)
    return refused.value.message


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


ACCEPTED: dict[str, dict[str, Any]] = {
    "empty": {},
    "with its dialect": {"$schema": DIALECT},
    "with its dialect and a fragment": {"$schema": f"{DIALECT}#"},
    "an order": {
        "$schema": DIALECT,
        "title": "Order",
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^ord_[0-9a-z]{26}$"},
            "total": {"type": "number", "minimum": 0, "multipleOf": 0.01},
            "currency": {"enum": ["EUR", "USD"]},
            "email": {"type": ["string", "null"], "format": "email"},
            "lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/line"}},
        },
        "required": ["id", "total"],
        "additionalProperties": False,
        "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
    "older definitions": {"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}},
    "an encoded reference": {"$ref": "#/$defs/Page%3COrder%3E", "$defs": {"Page<Order>": {"type": "object"}}},
    "an escaped reference": {"$ref": "#/$defs/a~1b~0c", "$defs": {"a/b~c": {"type": "object"}}},
    "a reference to a position": {"$ref": "#/anyOf/1", "anyOf": [True, {"type": "string"}]},
    "fields with names of keywords": {"properties": {"$id": {}, "$ref": {"type": "string"}, "$schema": {}}},
    "unknown keywords and formats": {"x-internal": {"$ref": 5}, "format": "money", "example": [1]},
    "a tree": {"properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#"}}}},
    "a tree of unique children": {"properties": {"children": {"uniqueItems": True, "items": {"$ref": "#"}}}},
    "any JSON": {
        "$ref": "#/$defs/json",
        "$defs": {
            "json": {
                "anyOf": [
                    {"type": ["string", "number", "boolean", "null"]},
                    {"type": "array", "items": {"$ref": "#/$defs/json"}},
                    {"type": "object", "additionalProperties": {"$ref": "#/$defs/json"}},
                ]
            }
        },
    },
    "20 kinds told apart by a field": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": f"kind_{number}"}, "id": {"type": "string"}},
                "required": ["kind", "id"],
            }
            for number in range(20)
        ]
    },
    "200 fields": {"properties": {f"field_{n}": {"type": "string", "maxLength": 99} for n in range(200)}},
    "300 words to choose from": {"enum": [f"word_{number}" for number in range(300)]},
    "20 levels": nested(20),
}


@pytest.mark.parametrize("schema", ACCEPTED.values(), ids=ACCEPTED)
def test_ordinary_schemas_are_taken(schema: dict[str, Any]) -> None:
    check_schema(schema)


@pytest.mark.parametrize("schema", [True, None, [], "{}", 5], ids=repr)
def test_a_schema_is_an_object(schema: object) -> None:
    assert refusal(schema) == "A schema must be a JSON object."


@pytest.mark.parametrize(
    "schema",
    [{"minimum": float("nan")}, {"const": {1, 2}}, {"const": "\ud800"}, {("a",): 1}],
    ids=["nan", "set", "half a surrogate pair", "key"],
)
def test_a_schema_is_json(schema: object) -> None:
    assert refusal(schema).startswith("A schema must be JSON: ")


def test_32_kib_are_the_most() -> None:
    empty = len('{"description":""}')
    check_schema({"description": "x" * (32 * 1024 - empty)})

    assert refusal({"description": "x" * (32 * 1024 - empty + 1)}) == (
        "A schema may be at most 32 KiB; this one has 32,769 bytes."
    )
    assert "at most 32 KiB" in refusal({"description": "é" * 17_000})


@pytest.mark.parametrize("levels", [21, 100, 900])
def test_20_levels_are_the_most(levels: int) -> None:
    assert refusal(nested(levels)) == "A schema may nest at most 20 levels."


def test_levels_count_in_what_is_no_schema_too() -> None:
    value: object = 1
    for _ in range(20):
        value = [value]

    assert refusal({"const": value}) == "A schema may nest at most 20 levels."


@pytest.mark.parametrize(
    "dialect",
    [
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://attacker.example/schema",
        "",
        7,
    ],
    ids=repr,
)
def test_another_dialect_is_refused_wherever_it_stands(dialect: object) -> None:
    sentence = f'"$schema" must be {DIALECT} or left out.'

    assert refusal({"$schema": dialect}) == sentence
    if isinstance(dialect, str):
        assert refusal({"properties": {"a": {"$schema": dialect or "x:y"}}}) == sentence


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "strin"}, "#/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "#/properties/a/minimum"),
        ({"items": [{"type": "string"}]}, "#/items"),
        ({"required": "id"}, "#/required"),
        ({"$defs": {"a": {"enum": 5}}}, "#/$defs/a/enum"),
    ],
)
def test_an_invalid_schema_is_refused_with_its_place(schema: dict[str, Any], place: str) -> None:
    assert refusal(schema).startswith(f"The schema is not valid at {place}: ")


@pytest.mark.parametrize(
    "keyword", ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor", "$vocabulary"]
)
def test_nothing_gives_a_part_of_the_schema_another_name(keyword: str) -> None:
    value: object = {} if keyword == "$vocabulary" else "#a" if keyword.endswith("Ref") else "a"

    assert refusal({keyword: value}).startswith(f'Leave out "{keyword}" at #: ')
    assert refusal({"$defs": {"a": {keyword: value}}}).startswith(f'Leave out "{keyword}" at #/$defs/a: ')


@pytest.mark.parametrize("keyword", ["unevaluatedProperties", "unevaluatedItems"])
def test_what_cannot_be_bounded_is_refused_with_what_to_use_instead(keyword: str) -> None:
    assert refusal({keyword: False}).startswith('Use "')
    assert refusal({"items": {keyword: False}}).endswith("cannot be checked in bounded time.")


@pytest.mark.parametrize(
    "reference",
    [
        "http://127.0.0.1:1/a.json",
        "https://json-schema.org/draft/2020-12/schema",
        "file:///etc/passwd",
        "other.json",
        "other.json#/$defs/a",
        "//host/a",
        "/a",
        "?#",
        "",
        "#name",
        "json-schema:///#",
        " #/$defs/a",
        "urn:a:b",
    ],
)
def test_a_reference_stays_inside_the_schema(reference: str) -> None:
    sentence = 'must point inside the schema, such as "#/$defs/name": nothing is fetched.'

    for schema in ({"$ref": reference}, {"$defs": {"a": {"items": {"$ref": reference}}}}):
        assert refusal(schema).endswith(sentence)


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({"$ref": "#/$defs/b", "$defs": {"a": {}}}, '"$ref" at # leads nowhere: #/$defs/b is not in the schema.'),
        ({"$ref": "#/allOf/01", "allOf": [{}, {}]}, '"$ref" at # leads nowhere: #/allOf/01 is not in the schema.'),
        ({"$ref": "#/allOf/" + "9" * 5000, "allOf": [{}]}, '"$ref" at # leads nowhere: '),
        ({"$ref": "#/title", "title": "a"}, "#/title is used as a schema but is none."),
        ({"$ref": "#/x", "x": {"$ref": "http://a.example/"}}, '"$ref" at #/x must point inside the schema'),
        ({"$ref": "#/x", "x": {"allOf": [{"$id": "b"}]}}, 'Leave out "$id" at #/x/allOf/0: '),
        ({"$ref": "#/x", "x": {"type": 5}}, "The schema cannot be used: "),
    ],
)
def test_a_reference_leads_to_a_schema_that_keeps_the_rules(schema: dict[str, Any], sentence: str) -> None:
    assert refusal(schema).startswith(sentence)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"not": {"$ref": "#"}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
        {"items": {"if": True, "then": {"$ref": "#/items"}}},
        {"dependentSchemas": {"a": {"$ref": "#"}}},
    ],
)
def test_a_reference_to_itself_goes_deeper_into_the_value(schema: dict[str, Any]) -> None:
    assert "refers to itself without going deeper into the value" in refusal(schema)


def test_at_most_16_subschemas_in_a_row_judge_one_value() -> None:
    def chain(length: int) -> dict[str, Any]:
        links: dict[str, Any] = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length - 1)}
        return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length - 1}": {"type": "string"}}}

    check_schema(chain(15))

    assert "leads through more than 16" in refusal(chain(16))
    assert "leads through more than 16" in refusal(chain(700))


@pytest.mark.parametrize(
    "pattern", ["(?=a)b", "(?!a)b", "(?<=a)b", r"(a)\1", "(", "[", "a{2,1}", "((a{100}){100}){100}"]
)
@pytest.mark.parametrize("keyword", ["pattern", "patternProperties"])
def test_a_pattern_that_linear_time_cannot_do_is_refused(pattern: str, keyword: str) -> None:
    schema = {keyword: pattern if keyword == "pattern" else {pattern: True}}

    assert refusal({"properties": {"a": schema}}).startswith(
        f"The pattern {pattern!r} is incomplete or cannot be checked in linear time"
    )


@pytest.mark.parametrize("pattern", ["([01]{1,50}){1,50}x", r"^\p{L}{20}$", "^[a-z]{1,2000}$"])
def test_a_pattern_that_is_large_when_compiled_is_refused(pattern: str) -> None:
    assert refusal({"pattern": pattern}).startswith(f"The pattern {pattern!r} is too large to check in time: ")


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^[A-Z]{3}$",
        "^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        "^[0-9a-f]{64}$",
        r"^\+[1-9]\d{1,14}$",
        r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
        r"^https?://[^\s/$.?#].[^\s]*$",
        "^[a-z0-9]+(?:-[a-z0-9]+)*$",
    ],
)
def test_common_patterns_are_taken(pattern: str) -> None:
    check_schema({"pattern": pattern})
    check_schema({"patternProperties": {pattern: True}})


def test_50_different_patterns_are_the_most() -> None:
    def schema(patterns: int) -> dict[str, Any]:
        return {"properties": {f"f{n}": {"pattern": f"^{n % patterns}$"} for n in range(60)}}

    check_schema(schema(50))

    assert refusal(schema(51)) == "A schema may have at most 50 different patterns."


@pytest.mark.parametrize("number", [1e300, -1e21, 1e-300])
@pytest.mark.parametrize("keyword", ["minimum", "exclusiveMaximum", "multipleOf", "const", "enum"])
def test_a_number_that_makes_every_comparison_slow_is_refused(number: float, keyword: str) -> None:
    value = abs(number) if keyword == "multipleOf" else [[number]] if keyword == "enum" else number

    assert refusal({"items": {keyword: value}}).endswith("is too large or too small a number for a schema.")


def doubling(steps: int) -> dict[str, Any]:
    """Each definition refers twice to the next: 2^steps checks of one value."""
    definitions: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(steps)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{steps}": {"type": "integer"}}}


@pytest.mark.parametrize(
    "schema",
    [
        doubling(7),
        {"allOf": [{"properties": {"child": {"$ref": "#"}}}] * 2},
        {"anyOf": [{"items": {"$ref": "#"}, "minItems": 0}, {"items": {"$ref": "#"}, "maxItems": 99}]},
        {"items": {"allOf": [{"type": "integer"}] * 300}},
        {"enum": [{"a": number} for number in range(50)]},
        {"dependentRequired": {f"field_{number}": ["a"] for number in range(300)}},
        {"allOf": [{"uniqueItems": True}] * 10},
        {"allOf": [{"pattern": f"^[0-9a-f]{{6{number}}}$"} for number in range(4)]},
    ],
    ids=["doubling", "two ways down", "two ways to items", "allOf", "enum", "dependencies", "unique", "patterns"],
)
def test_a_schema_that_multiplies_work_is_refused(schema: dict[str, Any]) -> None:
    assert refusal(schema).startswith("The schema applies too many rules to one value to check it in time")


def test_doubling_a_few_times_is_no_harm() -> None:
    check_schema(doubling(4))


@contextmanager
def web_server() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that offers a schema at any path, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"type": "string"}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_is_ever_fetched(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"type": "string"}')
    with web_server() as (url, asked):
        for address in (f"{url}/a.json", file.as_uri()):
            for schema in (
                {"$ref": address},
                {"$schema": address},
                {"$id": address, "$ref": "#/$defs/a", "$defs": {"a": True}},
                {"$id": f"{url}/", "$ref": "a.json"},
                {"$dynamicRef": address},
            ):
                refusal(schema)
                with pytest.raises(SchemaRefused):
                    check_data(schema, {})
            # Not even by the validator itself, were a reference to slip through.
            with pytest.raises(SchemaRefused) as refused:
                _validator({"$ref": address})
            assert "Retrieval is disabled" in str(refused.value.__cause__)

        assert asked == []
