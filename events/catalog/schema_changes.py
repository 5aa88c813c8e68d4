"""What a change of a schema breaks: for receivers, who rely on what came so far, or for the emitter, whose data was
accepted so far (docs/decisions/0014-a-schema-only-grows.md).

A schema may grow by fields that nobody has to give, and what is written for people may change. Any other difference
counts as breaking, also one that only a solver could tell to be harmless: such a change gets a new name.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import jsonschema_rs

from events.catalog.json_values import same_json
from events.catalog.references import found_at
from events.catalog.schema_graph import shown
from events.catalog.schema_patterns import PATTERN_OPTIONS

# Pairs of subschemas that are compared, 10 microseconds each: references can pair far more of them than there are.
_MOST_PAIRS = 5_000
_ANYTHING: dict[str, object] = {}
# Keywords whose values are compared as they are, ...
_RULES = (
    "const",
    "multipleOf",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependencies",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
)
# ... as nothing where they say nothing, ...
_SAYS_NOTHING: Mapping[str, object] = {"uniqueItems": False, "minLength": 0, "minItems": 0, "minProperties": 0}
# ... and those that hold subschemas: below the first ones fields may be added, below the others that could change
# which values match.
_PARTS = {"allOf": False, "anyOf": False, "prefixItems": False, "oneOf": True}
_CONDITIONS = ("not", "if", "then", "else", "contains", "propertyNames")
_CONDITIONS_BY_NAME = ("patternProperties", "dependentSchemas")
_ALL_RULES = (
    *("$ref", "type", "enum", "properties", "required", "items", "additionalProperties"),
    *(*_RULES, *_PARTS, *_CONDITIONS, *_CONDITIONS_BY_NAME),
)


def breaking_changes(old: object | None, new: object | None) -> list[str]:
    """What a change from one schema to the other breaks, a clause each: "`amount` was optional and is now required".

    Nothing where the old one has no rules: no receiver was promised anything. Both are schemas of event types.
    """
    if not _has_rules(old):
        return []
    if not _has_rules(new):
        return ["the schema was removed"]
    return _Comparison(old, new).clauses()


def _has_rules(schema: object) -> bool:
    return isinstance(schema, dict) and any(keyword in schema for keyword in _ALL_RULES)


class _Comparison:
    """Walks two schemas side by side. No recursion: references chain far, and in circles."""

    def __init__(self, old: object, new: object) -> None:
        self._old, self._new = old, new
        # Old, new, where, and whether not even a field may be added.
        self._waiting: deque[tuple[object, object, str, bool]] = deque([(old, new, "", False)])
        self._seen: set[tuple[int, int, bool]] = set()

    def clauses(self) -> list[str]:
        found: dict[str, None] = {}
        while self._waiting:
            old, new, path, exact = self._waiting.popleft()
            old, new = self._resolved(old, self._old), self._resolved(new, self._new)
            pair = (id(old), id(new), exact)
            if pair in self._seen:
                continue
            if len(self._seen) == _MOST_PAIRS:
                return ["the schemas refer to themselves in too many ways to be compared"]
            self._seen.add(pair)
            found |= dict.fromkeys(self._differences(old, new, path, exact))
        return list(found)

    def _resolved(self, schema: object, root: object) -> object:
        """What a schema that is nothing but a reference refers to."""
        for _ in range(_MOST_PAIRS):
            if not isinstance(schema, dict) or "$ref" not in schema or _rules_beside_reference(schema):
                break
            schema = _target(schema, root)
        return _ANYTHING if schema is True else schema

    def _later(self, old: object, new: object, path: str, exact: bool) -> None:
        self._waiting.append((old, new, path, exact))

    def _differences(self, old: object, new: object, path: str, exact: bool) -> Iterator[str]:
        where = _quoted(path)
        if not isinstance(old, dict) or not isinstance(new, dict):  # one of them is false: no value at all
            if isinstance(old, dict) or (isinstance(new, dict) and exact):
                yield f"{where} {'is not allowed any more' if isinstance(old, dict) else 'was not allowed and now is'}"
            return
        if "$ref" in old and "$ref" in new:
            self._later(_target(old, self._old), _target(new, self._new), path, exact)
        elif "$ref" in old or "$ref" in new:
            yield f'the rule "$ref" of {where} was {"removed" if "$ref" in old else "added"}'
        yield from _type_differences(old, new, where)
        yield from _value_differences(old, new, where)
        yield from self._field_differences(old, new, path, exact)
        yield from self._part_differences(old, new, path, where, exact)
        if "items" in old or "items" in new:
            self._later(old.get("items", _ANYTHING), new.get("items", _ANYTHING), f"{path}[]", exact)
        for keyword in _RULES:
            yield from _rule_differences(keyword, old, new, where)

    def _field_differences(
        self, old: dict[str, object], new: dict[str, object], path: str, exact: bool
    ) -> Iterator[str]:
        before, after = _mapping(old.get("properties")), _mapping(new.get("properties"))
        needed, needed_now = _names(old.get("required")), _names(new.get("required"))
        others, others_now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        for name in before:
            if name not in after:
                yield f"{_field(path, name)} was removed"
            else:
                self._later(before[name], after[name], _below(path, name), exact)
        for name in [name for name in after if name not in before]:
            if exact and name not in needed_now:
                yield f"{_field(path, name)} was added where that changes which values match"
            elif _is_matched(name, _mapping(old.get("patternProperties"))):
                yield f'{_field(path, name)} was added, and the rule "patternProperties" covered it'
            elif isinstance(others, dict):
                self._later(others, after[name], _below(path, name), exact)
        for name in needed_now:
            if name not in needed:
                yield f"{_field(path, name)} was {'optional' if name in before else 'added'} and is now required"
        for name in needed:
            if name not in needed_now and (name in after or name not in before):
                yield f"{_field(path, name)} was required and is now optional"
        if others is not False and others_now is False:
            yield f"{_quoted(path)} may no longer have other fields"
        elif others is not False or exact:
            self._later(others, others_now, _below(path, "(any other name)"), exact)

    def _part_differences(
        self, old: dict[str, object], new: dict[str, object], path: str, where: str, exact: bool
    ) -> Iterator[str]:
        for keyword, is_exact in _PARTS.items():
            before, after = _sequence(old.get(keyword)), _sequence(new.get(keyword))
            if len(before) != len(after):
                yield f'the rule "{keyword}" of {where} had {len(before)} parts and now has {len(after)}'
                continue
            for number, (one, other) in enumerate(zip(before, after, strict=True)):
                self._later(one, other, f"{path}[{number}]" if keyword == "prefixItems" else path, exact or is_exact)
        for keyword in _CONDITIONS:
            if (keyword in old) != (keyword in new):
                yield f'the rule "{keyword}" of {where} was {"removed" if keyword in old else "added"}'
            elif keyword in old:
                self._later(old[keyword], new[keyword], path, True)
        for keyword in _CONDITIONS_BY_NAME:
            by_name, by_name_now = _mapping(old.get(keyword)), _mapping(new.get(keyword))
            if by_name.keys() != by_name_now.keys():
                yield f'the rule "{keyword}" of {where} has now other names'
                continue
            for name, schema in by_name.items():
                below = _below(path, f"/{name}/") if keyword == "patternProperties" else path
                self._later(schema, by_name_now[name], below, True)


def _is_matched(name: str, patterns: Mapping[str, object]) -> bool:
    if not patterns:
        return False
    refused = {"patternProperties": dict.fromkeys(patterns, False)}
    try:
        return not jsonschema_rs.Draft202012Validator(refused, pattern_options=PATTERN_OPTIONS).is_valid({name: None})
    except ValueError:  # of a schema that was stored before such a pattern was refused
        return True


def _rules_beside_reference(schema: Mapping[str, object]) -> bool:
    return any(keyword in schema for keyword in _ALL_RULES if keyword != "$ref")


def _target(schema: Mapping[str, object], root: object) -> object:
    """Anything at all where the reference leads nowhere, as those of a schema stored before that was refused may."""
    try:
        return found_at(root, str(schema["$ref"]))
    except LookupError:
        return _ANYTHING


def _type_differences(old: Mapping[str, object], new: Mapping[str, object], where: str) -> Iterator[str]:
    before, after = _types(old), _types(new)
    if set(before) != set(after):
        yield f"{where} was {_either(before)} and is now {_either(after)}"


def _types(schema: Mapping[str, object]) -> list[str]:
    named = schema.get("type", [])
    return [str(name) for name in named] if isinstance(named, list) else [str(named)]


def _either(types: Sequence[str]) -> str:
    return " or ".join(types) or "of any type"


def _value_differences(old: Mapping[str, object], new: Mapping[str, object], where: str) -> Iterator[str]:
    if ("enum" in old) != ("enum" in new):
        yield f"{where} may now be {'any value' if 'enum' in old else 'certain values only'}"
        return
    before, after = _sequence(old.get("enum")), _sequence(new.get("enum"))
    if gone := _without(before, after):
        yield f"{where} may no longer be {_values(gone)}"
    if come := _without(after, before):
        yield f"{where} may now also be {_values(come)}"


def _without(values: Sequence[object], others: Sequence[object]) -> list[object]:
    known = {json.dumps(other, sort_keys=True) for other in others}
    return [value for value in values if json.dumps(value, sort_keys=True) not in known]


def _values(values: Sequence[object]) -> str:
    more = f" and {len(values) - 3} others" if len(values) > 3 else ""
    return ", ".join(_written(value) for value in values[:3]) + more


def _rule_differences(keyword: str, old: Mapping[str, object], new: Mapping[str, object], where: str) -> Iterable[str]:
    nothing = _SAYS_NOTHING.get(keyword)
    before, after = old.get(keyword, nothing), new.get(keyword, nothing)
    if _is_number(before) and _is_number(after) and before == after:
        return
    if keyword == "const" and ("const" in old) != ("const" in new):  # null is a value here
        yield f'the rule "const" of {where} was {"removed" if "const" in old else "added"}'
    elif not same_json(before, after):
        if before is nothing:
            yield f'the rule "{keyword}" of {where} was added'
        elif after is nothing:
            yield f'the rule "{keyword}" of {where} was removed'
        else:
            yield f'the rule "{keyword}" of {where} was {_written(before)} and is now {_written(after)}'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _field(path: str, name: str) -> str:
    return _quoted(_below(path, name))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _quoted(path: str) -> str:
    return f"`{shown(path)}`" if path else "the data"


def _written(value: object) -> str:
    return shown(json.dumps(value, ensure_ascii=False))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def _names(value: object) -> list[str]:
    return [name for name in _sequence(value) if isinstance(name, str)]
