"""What a validator found, in sentences: each names the field, none repeats a value of the data."""

import json
import re
from collections.abc import Sequence

from jsonschema_rs import ValidationError
from jsonschema_rs import ValidationErrorKind as Kind

from events.catalog.refusals import Problem

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST_PATH = 200
_LONGEST_VALUE = 60
_MOST_VALUES = 10
_TYPES = {
    "string": "a string",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
}


def problem_of(error: ValidationError, name: str) -> Problem:
    """The problem that the validator found in the value of this name (`data`)."""
    steps = list(error.instance_path)
    if isinstance(error.kind, Kind.Required):
        steps.append(error.kind.property)
    path = _path(name, steps)
    return {"path": path, "message": f"{path} {_what_is_wrong(error)}."}


def _path(name: str, steps: Sequence[str | int]) -> str:
    path = name
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            path += f".{step}"
        else:
            path += f"[{_shown(step)}]"
    return path if len(path) <= _LONGEST_PATH else path[: _LONGEST_PATH - 1] + "…"


def _what_is_wrong(error: ValidationError) -> str:
    match error.kind:
        case Kind.Required():
            return "is required"
        case Kind.Type(types=types):
            return f"must be {_either([_TYPES[name] for name in types])}"
        case Kind.Enum(options=options):
            return f"must be {_either([_shown(option) for option in options])}"
        case Kind.Constant(expected_value=value):
            return f"must be {_shown(value)}"
        case Kind.AdditionalProperties(unexpected=names):
            return f"may not have {'a field' if len(names) == 1 else 'fields'} {_both([_shown(n) for n in names])}"
        case Kind.FalseSchema():
            closed = error.schema_path[-1:] == ["additionalProperties"]
            return "may not have fields" if closed else "is not allowed"
        case Kind.PropertyNames():
            return 'has a field whose name the schema\'s "propertyNames" does not allow'
        case Kind.Format(format=name):
            return f"must be text in the format {name}"
        case Kind.Pattern(pattern=pattern):
            return f"must match the pattern {_shown(pattern)}"
        case Kind.MinLength(limit=limit):
            return f"must have at least {limit} {_plural(limit, 'character')}"
        case Kind.MaxLength(limit=limit):
            return f"may have at most {limit} {_plural(limit, 'character')}"
        case Kind.Minimum(limit=number):
            return f"must be at least {_shown(number)}"
        case Kind.Maximum(limit=number):
            return f"may be at most {_shown(number)}"
        case Kind.ExclusiveMinimum(limit=number):
            return f"must be greater than {_shown(number)}"
        case Kind.ExclusiveMaximum(limit=number):
            return f"must be less than {_shown(number)}"
        case Kind.MultipleOf(multiple_of=number):
            return f"must be a multiple of {_shown(number)}"
        case Kind.MinItems(limit=limit):
            return f"must have at least {limit} {_plural(limit, 'item')}"
        case Kind.MaxItems(limit=limit):
            return f"may have at most {limit} {_plural(limit, 'item')}"
        case Kind.MinProperties(limit=limit):
            return f"must have at least {limit} {_plural(limit, 'field')}"
        case Kind.MaxProperties(limit=limit):
            return f"may have at most {limit} {_plural(limit, 'field')}"
        case Kind.UniqueItems():
            return "may not have the same item twice"
        case Kind.AnyOf() | Kind.OneOfNotValid():
            return "matches none of the forms that the schema allows"
        case Kind.OneOfMultipleValid():
            return 'matches more than one form of the schema\'s "oneOf"'
        case other:
            return f'breaks the rule "{other.name}" of the schema'


def _either(choices: Sequence[str]) -> str:
    shown = list(choices[:_MOST_VALUES])
    if len(choices) > _MOST_VALUES:
        shown.append(f"one of {len(choices) - _MOST_VALUES} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _both(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_VALUES])
    if len(names) > _MOST_VALUES:
        shown.append(f"{len(names) - _MOST_VALUES} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"
