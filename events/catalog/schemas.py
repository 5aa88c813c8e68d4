"""JSON Schemas of event types: which ones are taken, and checking data against them (security.md S41b).

A Builder's schema runs inside everyone's emits, so it is taken only where checking the largest payload against
it is known to end in well under a second: schema_graph.py (no way out, no endless reference),
schema_patterns.py and schema_work.py hold the rules. Nothing is ever fetched. `format` is checked, as people
expect; a format that JSON Schema does not define is ignored.

Callers refuse payloads over WEBHOOKS_MAX_PAYLOAD_BYTES first: the bounds are for that size.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import jsonschema_rs

from events.catalog.json_size import Size, json_of, refused, size_of
from events.catalog.problems import problem_of
from events.catalog.refusals import DataRefused, Problem, SchemaRefused
from events.catalog.schema_graph import Graph, read_graph, refuse_other_dialects, shown
from events.catalog.schema_patterns import PATTERN_OPTIONS, pattern_units
from events.catalog.schema_work import Work, read_work

__all__ = [
    "DataRefused",
    "Problem",
    "SchemaRefused",
    "check_data",
    "check_data_by_text",
    "check_example",
    "check_schema",
    "text_of_schema",
]

MAX_SCHEMA_BYTES = 32 * 1024
MAX_SCHEMA_DEPTH = 20
MAX_EXAMPLE_BYTES = 256 * 1024
MAX_PROBLEMS = 10
# Compiled schemas of this process: an ordinary one takes 10 to 100 KiB and a millisecond, the largest 2 MiB.
_KEPT = 128
# The validator makes all problems at once, 14 microseconds each and more in deep data, however few are wanted.
_MOST_FOR_ALL_PROBLEMS = 60_000

_one_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def check_schema(schema: object) -> None:
    """Raises SchemaRefused unless `schema` is a JSON Schema of draft 2020-12 that event types may have."""
    _checker_of(schema)


def check_data(schema: object, data: object) -> None:
    """Raises DataRefused where `data` breaks the schema; SchemaRefused where the schema may not be used at all.

    Measured, with the schema compiled before: 30 microseconds for 1 KiB of data and as much schema, most of them
    for finding the compiled schema and the data's size; 3.5 milliseconds for 256 KiB.
    """
    _checker_of(schema).check(data, "data")


def check_data_by_text(text: str, data: object) -> None:
    """As check_data, with what text_of_schema gave: the compiled schema is found at once."""
    _compiled(text).check(data, "data")


def check_example(schema: object, example: object) -> None:
    """As check_data, for a type's example, which is also what a test send sends."""
    if len(_one_text(json_of(example, "example")).encode()) > MAX_EXAMPLE_BYTES:
        raise refused(f"example may be at most {MAX_EXAMPLE_BYTES // 1024} KiB.", "example")
    _checker_of(schema).check(example, "example")


@dataclass(frozen=True)
class _Checker:
    """A compiled schema, and how much it may take."""

    validator: jsonschema_rs.Validator
    work: Work
    has_alternatives: bool

    def check(self, data: object, name: str) -> None:
        """Raises DataRefused, calling the data `name`."""
        try:
            self._check(data, name)
        except DataRefused:
            raise
        except ValueError:
            # Python's own kinds of text and numbers, or half a surrogate pair: check what will be sent.
            self._check(json_of(data, name), name)

    def _check(self, data: object, name: str) -> None:
        size = size_of(data, name)
        if self.work.is_too_much_for(size):
            raise refused(f"{name} holds more numbers than the schema's rules for numbers can check in time.", name)
        problems = self._problems(data, size, name)
        if problems:
            raise DataRefused(problems[0]["message"], problems[0]["path"], problems)

    def _problems(self, data: object, size: Size, name: str) -> list[Problem]:
        all_are_few = size.units * self.work.rules * size.depth <= _MOST_FOR_ALL_PROBLEMS
        if not all_are_few and not self.has_alternatives:
            try:
                self.validator.validate(data)
            except jsonschema_rs.ValidationError as error:
                return [problem_of(error, name)]
            return []
        if self.validator.is_valid(data):
            return []
        if all_are_few:
            return [problem_of(error, name) for error in islice(self.validator.iter_errors(data), MAX_PROBLEMS)]
        # Not even the first: that of an alternative comes with all problems of all alternatives, millions.
        return refused(f"{name} does not match the schema, and is too large to say where.", name).problems


def text_of_schema(schema: object) -> str:
    """The schema as JSON, 32 KiB at most. Raises SchemaRefused where it is none."""
    if not isinstance(schema, dict):
        raise SchemaRefused("A schema must be a JSON object.")
    try:
        text = _one_text(schema)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaRefused(
            "A schema must be JSON: objects, arrays, text, finite numbers, true, false and null."
        ) from error
    if size > MAX_SCHEMA_BYTES:
        raise SchemaRefused(f"A schema may be at most {MAX_SCHEMA_BYTES // 1024} KiB; this one has {size:,} bytes.")
    return text


def _checker_of(schema: object) -> _Checker:
    return _compiled(text_of_schema(schema))


@lru_cache(maxsize=_KEPT)
def _compiled(text: str) -> _Checker:
    schema: dict[str, object] = json.loads(text)
    _refuse_deep(schema)
    graph = _valid_graph(schema)
    work = read_work(graph, pattern_units(graph.subschemas))
    has_alternatives = any({"anyOf", "oneOf"} & subschema.keywords.keys() for subschema in graph.subschemas)
    return _Checker(_validator(schema), work, has_alternatives)


def _refuse_deep(schema: dict[str, object]) -> None:
    level: list[object] = [schema]
    for _ in range(MAX_SCHEMA_DEPTH):
        containers = [value for value in level if isinstance(value, list | dict)]
        level = [inner for value in containers for inner in (value.values() if isinstance(value, dict) else value)]
    if any(isinstance(value, list | dict) for value in level):
        raise SchemaRefused(f"A schema may nest at most {MAX_SCHEMA_DEPTH} levels.")


def _valid_graph(schema: dict[str, object]) -> Graph:
    refuse_other_dialects(schema)
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        pointer = "/".join(["#", *map(str, error.instance_path)])
        raise SchemaRefused(f"The schema is not valid at {shown(pointer)}: {shown(error.message)}.") from error
    return read_graph(schema)


def _validator(schema: dict[str, object]) -> jsonschema_rs.Validator:
    """The compiled schema; `offline`, and without a retriever, it could not fetch what the rules let through."""
    try:
        return jsonschema_rs.Draft202012Validator(
            schema, pattern_options=PATTERN_OPTIONS, offline=True, validate_formats=True, mask="the value"
        )
    except ValueError as error:
        raise SchemaRefused(f"The schema cannot be used: {shown(str(error).partition(chr(10))[0])}.") from error
