"""How large a JSON value is, in what checking it costs; and that it is JSON at all."""

import json
import math
from dataclasses import dataclass
from typing import Any

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


class NotPlain(ValueError):
    """Not made of what a JSON parser gives; json_of() may still make JSON of it."""


@dataclass(frozen=True)
class Size:
    """`values` and text in `units`; `numbers` by depth: (fast integers, all others, each as often as it is slow)."""

    units: int
    numbers: list[tuple[int, int]]

    @property
    def depth(self) -> int:
        return len(self.numbers)


def size_of(data: object, name: str) -> Size:
    """The size of data, level by level.

    Raises NotPlain where it holds something that no JSON parser gives; DataRefused, calling the data `name`,
    where it is deeper than DEEPEST, has more than MOST_VALUES values, or an integer of over 100 digits.
    """
    level: list[Any] = [data]
    values = characters = 0
    numbers: list[tuple[int, int]] = []
    while level:
        values += len(level)
        if len(numbers) == DEEPEST:
            raise refused(f"{name} may nest at most {DEEPEST} levels.", name)
        if values > MOST_VALUES:
            raise refused(f"{name} may hold at most {MOST_VALUES:,} values.", name)
        below: list[Any] = []
        fast = slow = 0
        # This loop is most of an emit's check: types are compared, not asked for (isinstance), commonest first.
        for value in level:
            kind = type(value)
            if kind is str:
                characters += len(value)
            elif kind is dict:
                below += value.values()
                for key in value:
                    if type(key) is not str:
                        raise NotPlain
                    characters += len(key)
            elif kind is int:
                if -FAST_INTEGERS < value < FAST_INTEGERS:
                    fast += 1
                elif -_LARGEST_INTEGER < value < _LARGEST_INTEGER:
                    slow += 1
                else:
                    raise refused(f"{name} may not hold integers of more than 100 digits.", name)
            elif kind is list:
                below += value
            elif kind is float:
                if is_ordinary(value):
                    slow += 1
                elif math.isfinite(value):
                    slow += _EXTRAORDINARY
                else:
                    raise NotPlain
            elif value is not None and kind is not bool:
                raise NotPlain
        numbers.append((fast, slow))
        level = below
    return Size(values + characters // _CHARACTERS_A_UNIT, numbers)


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
