"""How large a JSON value is, in what checking it costs; and that it is JSON at all."""

import json
import math
from dataclasses import dataclass

from events.catalog.refusals import DataRefused, Problem

# Deeper data than any event needs; validators, and receivers' parsers, recurse.
DEEPEST = 64
MOST_VALUES = 500_000
# Up to here a number fits a machine word, and is compared in nanoseconds.
FAST_INTEGERS = 2**53
_LEAST_ORDINARY, _MOST_ORDINARY = 1e-20, 1e20
_EXTRAORDINARY = 20
_LARGEST_INTEGER = 10**100
_CHARACTERS_A_UNIT = 64
_PLAIN = frozenset((str, dict, list, bool, int, float, type(None)))
_NUMBERS = frozenset((int, float))


class NotPlain(ValueError):
    """Not made of what a JSON parser gives; json_of() may still make JSON of it."""


@dataclass(frozen=True)
class Size:
    """`values` and text in `units`; `numbers` by depth: (fast integers, all others, each as often as it is slow)."""

    units: int
    numbers: list[tuple[int, int]]


def size_of(data: object, name: str) -> Size:
    """The size of data, level by level.

    Raises NotPlain where it holds something that no JSON parser gives; DataRefused, calling the data `name`,
    where it is deeper than DEEPEST, has more than MOST_VALUES values, or an integer of over 100 digits.
    """
    level: list[object] = [data]
    values = characters = 0
    numbers: list[tuple[int, int]] = []
    while level:
        values += len(level)
        if len(numbers) == DEEPEST:
            raise refused(f"{name} may nest at most {DEEPEST} levels.", name)
        if values > MOST_VALUES:
            raise refused(f"{name} may hold at most {MOST_VALUES:,} values.", name)
        kinds = set(map(type, level))
        if not kinds <= _PLAIN:
            raise NotPlain
        below: list[object] = []
        if str in kinds:
            characters += sum([len(text) for text in level if isinstance(text, str)])
        if list in kinds:
            for array in level:
                if isinstance(array, list):
                    below += array
        if dict in kinds:
            for fields in level:
                if isinstance(fields, dict):
                    below += fields.values()
                    characters += _characters_of_keys(fields)
        numbers.append(_numbers(level, name) if kinds & _NUMBERS else (0, 0))
        level = below
    return Size(values + characters // _CHARACTERS_A_UNIT, numbers)


def _characters_of_keys(fields: dict[object, object]) -> int:
    characters = 0
    for key in fields:
        if type(key) is not str:
            raise NotPlain
        characters += len(key)
    return characters


def _numbers(level: list[object], name: str) -> tuple[int, int]:
    integers = [number for number in level if type(number) is int]
    fast = sum([-FAST_INTEGERS < number < FAST_INTEGERS for number in integers])
    if fast != len(integers) and not -_LARGEST_INTEGER < min(integers) <= max(integers) < _LARGEST_INTEGER:
        raise refused(f"{name} may not hold integers of more than 100 digits.", name)
    fractions = [number for number in level if type(number) is float]
    if not all(map(math.isfinite, fractions)):
        raise NotPlain
    ordinary = sum(map(is_ordinary, fractions))
    return fast, len(integers) - fast + ordinary + _EXTRAORDINARY * (len(fractions) - ordinary)


def is_ordinary(fraction: float) -> bool:
    """Whether comparing it takes about a microsecond; others take up to thirty."""
    return fraction == 0 or _LEAST_ORDINARY < abs(fraction) < _MOST_ORDINARY


def json_of(data: object, name: str) -> object:
    """What a receiver's JSON parser makes of the data. Raises DataRefused, calling it `name`, where it is not JSON."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise refused(
            f"{name} must be JSON: objects, arrays, text, finite numbers, true, false and null.", name
        ) from error
    # Half a surrogate pair is sent escaped; no rule can ask for it, so any other character does for checking.
    return json.loads(text.encode(errors="replace"))


def refused(message: str, name: str) -> DataRefused:
    """The refusal of the value of this name as a whole."""
    return DataRefused(message, name, [Problem(path=name, message=message)])
