"""S41b: no schema that is taken can stall an emit, and none that is not can stall being refused.

Each case is a way to make much work of little text, taken as far as it is accepted, against 256 KiB of the data
that is worst for it. Bounds are CPU seconds of this thread: what every other emit would wait, whatever else the
machine does. Each case took less than 0.3 on one core of 2 GHz.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from events.catalog import schemas
from events.catalog.schemas import DataRefused, SchemaRefused, check_data, check_schema

Schema = dict[str, Any]

LONGEST = 1.0
RANDOM_BITS = "".join(random.Random(41).choices("01", k=260_000))


def filled(item: object) -> list[object]:
    """An array of as many of the item as 256 KiB of JSON hold."""
    return [item] * (262_000 // (len(json.dumps(item, separators=(",", ":"))) + 1))


def cpu_seconds(check: Callable[..., None], *arguments: object) -> float:
    started = time.thread_time()
    try:
        check(*arguments)
    except (DataRefused, SchemaRefused):
        pass
    return time.thread_time() - started


def as_far_as_accepted(make: Callable[[int], Schema]) -> Schema:
    """The schema of the greatest number that is taken, where those of greater numbers are refused."""
    least, most = 1, 2_000
    while least < most:
        middle = (least + most + 1) // 2
        try:
            check_schema(make(middle))
            least = middle
        except SchemaRefused:
            most = middle - 1
    return make(least)


def each(*rules: object) -> Schema:
    """Every item meets every rule."""
    return {"items": {"allOf": list(rules)}}


def or_anything(rule: object) -> Schema:
    """The rule is tried, and does not matter."""
    return {"anyOf": [rule, {"minLength": 0}]}


CASES: dict[str, tuple[Callable[[int], Schema], object]] = {
    "many rules": (lambda n: each(*[{"type": "integer"}] * n), filled(1)),
    "many keywords": (lambda n: each(*[{"minLength": 0, "minItems": 0, "minProperties": 0}] * n), filled(1)),
    "alternatives": (lambda n: {"items": {"anyOf": [{"type": "null"}] * n + [{"minimum": 0}]}}, filled(1)),
    "no alternative": (lambda n: {"items": {"anyOf": [{"type": "null"}] * n}}, filled(1)),
    "alternatives of the whole": (lambda n: {"anyOf": [{"items": {"type": "null"}}] * n}, [None, *filled(1)]),
    "conditions": (lambda n: each(*[{"if": {"type": "null"}, "else": {"not": {"type": "null"}}}] * n), filled(1)),
    "references": (lambda n: {**each(*[{"$ref": "#/$defs/a"}] * n), "$defs": {"a": {"minimum": 0}}}, filled(1)),
    "dependent names": (lambda n: each({"dependentRequired": {f"f{i}": ["a"] for i in range(n)}}), filled({})),
    "dependent schemas": (lambda n: each({"dependentSchemas": {f"f{i}": False for i in range(n)}}), filled({})),
    "required names": (lambda n: each({"required": [f"f{i}" for i in range(n)]}), filled({})),
    "objects to choose from": (lambda n: each({"not": {"enum": [{"a": i + 5} for i in range(n)]}}), filled({"a": 1.5})),
    "numbers to choose from": (lambda n: each({"not": {"enum": [i + 0.5 for i in range(n)]}}), filled(1.5)),
    "integers to choose from": (lambda n: each({"not": {"enum": [i + 9 for i in range(n)]}}), filled(1.5)),
    "limits of numbers": (lambda n: each(*[{"minimum": 0, "maximum": 5}] * n), filled(1)),
    "limits of fractions": (lambda n: each(*[{"minimum": 0.5, "maximum": 5.5}] * n), filled(1.5)),
    "multiples of fractions": (lambda n: each(*[or_anything({"multipleOf": 0.01})] * n), filled(1e-99)),
    "multiples and large integers": (lambda n: each(*[or_anything({"multipleOf": 7})] * n), filled(10**99)),
    "unique numbers": (lambda n: each(*[{"uniqueItems": True}] * n), filled([*range(15)])),
    "unique fractions": (lambda n: each(*[{"uniqueItems": True}] * n), filled([i + 0.5 for i in range(15)])),
    "unique and alike": (
        lambda n: {"allOf": [{"uniqueItems": True}] * n},
        [{**{f"f{field}": 1 for field in range(1_800)}, "z": number} for number in range(15)],
    ),
    "small patterns": (lambda n: each(*[or_anything({"pattern": "b$"})] * n), filled("a")),
    "patterns of 4 KB": (lambda n: each(*[or_anything({"pattern": "1[01]{44}[2-9]"})] * n), [RANDOM_BITS]),
    "patterns of 10 KB": (lambda n: each(*[or_anything({"pattern": "1[01]{128}[2-9]"})] * n), [RANDOM_BITS]),
    "patterns of names": (
        lambda n: {"patternProperties": {f"1[01]{{44}}[2-{i % 7 + 3}]{i}": True for i in range(n)}},
        {RANDOM_BITS[:-10]: 1},
    ),
    "rules of names": (
        lambda n: {"propertyNames": {"allOf": [{"maxLength": 9}] * n}},
        {f"f{number}": 1 for number in range(25_000)},
    ),
    "formats": (lambda n: each(*[{"format": "email"}] * n), filled("a@b.co")),
    "a slow format": (lambda n: each(*[{"format": "idn-hostname"}] * n), filled("xn--e1afmkfd.")),
    "lengths": (lambda n: each(*[or_anything({"minLength": 200_000})] * n), ["é" * 130_000]),
    "deep alternatives": (
        lambda n: {"anyOf": [{"items": {"$ref": "#"}, "minItems": n}, {"type": "null"}]},
        json.loads("[" * 63 + "]" * 63),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "data"), CASES.values(), ids=CASES)
def test_checking_256_kib_ends_in_time(make: Callable[[int], Schema], data: object) -> None:
    schema = as_far_as_accepted(make)

    assert cpu_seconds(check_data, schema, data) < LONGEST


@pytest.mark.parametrize(
    ("schema", "item"),
    [
        ({"items": {"type": "string"}}, 1),
        ({"items": False}, 1),
        ({"items": {"enum": [f"word_{number}" for number in range(1_500)]}}, 1),
        ({"items": {"required": [f"field_{number}" for number in range(300)]}}, {}),
        ({"items": {"anyOf": [{"anyOf": [{"type": "string"}] * 5}] * 5}}, 1),
        ({"items": {"type": "null", "const": 2, "minimum": 9, "multipleOf": 4, "not": {"type": "integer"}}}, 1),
        ({"allOf": [{"minItems": 500_000}] * 100}, "x" * 1_000),
    ],
    ids=["type", "nothing", "words", "names", "alternatives", "many rules", "the whole"],
)
@pytest.mark.parametrize("length", [10, 100, 1_000, 10_000, 100_000])
def test_finding_the_problems_ends_in_time(schema: Schema, item: object, length: int) -> None:
    """The validator makes all problems at once: of every item, rule and alternative."""
    data = filled(item)[:length]

    assert cpu_seconds(check_data, schema, data) < LONGEST


@pytest.mark.parametrize("levels", [4, 8, 16, 32, 63])
@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
def test_problems_inside_problems_need_little_time_and_stack(keyword: str, levels: int) -> None:
    """A stack overflow would end the process. Threads have 8 MiB as a rule; this one has 1."""
    links: Schema = {f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}]} for n in range(7)}
    schema: Schema = {**links["d0"], "$defs": {**links, "d7": {"items": {"$ref": "#/$defs/d0"}, "minItems": 1}}}
    data = json.loads("[" * levels + "]" * levels)
    took: list[float] = []

    before = threading.stack_size(1024 * 1024)
    try:
        thread = threading.Thread(target=lambda: took.append(cpu_seconds(check_data, schema, data)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()

    check_schema(schema)
    assert took[0] < LONGEST


def chained(length: int, end: Schema) -> Schema:
    links = {f"d{n}": {"items": {"$ref": f"#/$defs/d{n + 1}"}} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": end}}


def doubling(steps: int, **more: object) -> Schema:
    links = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2, **more} for n in range(steps)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{steps}": {"type": "integer"}}}


HOSTILE: dict[str, Schema] = {
    "doubling beside": doubling(400),
    "doubling below": {
        "$ref": "#/$defs/d0",
        "$defs": {
            **{f"d{n}": {"allOf": [{"items": {"$ref": f"#/$defs/d{n + 1}"}}] * 2} for n in range(300)},
            "d300": {},
        },
    },
    "a chain": chained(640, {}),
    "a ring": chained(640, {"minItems": 1, "items": {"$ref": "#"}}),
    "references to the whole": {
        "items": {"$ref": "#"},
        "uniqueItems": True,
        "properties": {f"{n:x}": {"items": {"$ref": "#"}} for n in range(1_000)},
    },
    "many fields": {"properties": {f"{n:x}": {} for n in range(3_500)}},
    "many rules": {"allOf": [{}] * 9_000},
    "many words": {"enum": [f"word_{n}" for n in range(2_300)]},
    "many objects": {"enum": [{}] * 9_000},
    "many patterns": {"properties": {f"f{n}": {"pattern": f"^[0-9a-f]{{60}}{n}$"} for n in range(800)}},
    "a long pattern": {"pattern": "a|b|" * 8_000},
    "nested groups": {"pattern": "(" * 5_000 + ")" * 5_000},
    "a pattern bomb": {"pattern": "((((a{99}){99}){99}){99}){99}"},
    "many characters": {"pattern": r"\p{L}{1,100}"},
    "what compiling copies": {
        "$ref": "#/$defs/d0",
        "$defs": {
            **{
                f"d{n}": {
                    "allOf": [
                        {"properties": {f"f{k}": {"$ref": f"#/$defs/d{n + 1}", "unevaluatedProperties": False}}}
                        for k in range(20)
                    ],
                    "unevaluatedProperties": False,
                }
                for n in range(4)
            },
            "d4": {"type": "integer"},
        },
    },
    "invalid everywhere": {"properties": {f"f{n}": {"type": "x"} for n in range(1_500)}},
    "invalid alternatives": {"type": ["x"] * 5_000},
}


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
def test_deciding_about_a_schema_ends_in_time(schema: Schema) -> None:
    assert len(json.dumps(schema, separators=(",", ":"))) <= 32 * 1024
    schemas._compiled.cache_clear()

    assert cpu_seconds(check_schema, schema) < LONGEST


def test_a_schema_is_compiled_once() -> None:
    schemas._compiled.cache_clear()
    for _ in range(3):
        check_schema({"type": "object", "title": "Compiled once"})
        check_data({"type": "object", "title": "Compiled once"}, {})

    assert schemas._compiled.cache_info()[:2] == (5, 1)


def test_as_many_schemas_are_kept_as_memory_is_meant_for_them() -> None:
    for number in range(200):
        check_schema({"title": f"Number {number}"})

    assert schemas._compiled.cache_info().currsize == 128
