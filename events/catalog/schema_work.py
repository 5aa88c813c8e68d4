"""How much work a schema can make of one value: the bound that keeps an accepted schema from stalling an emit.

A value of 256 KiB holds at most 131,072 values. What a schema costs is therefore decided by how many rules one
value can meet, whatever path leads to it: a chain of definitions that each refer twice to the next doubles that
number at every step, though the schema is small. `heaviest` counts it exactly, depth by depth, following
references; `read_work` refuses a schema that exceeds the bound.

One unit is about 10 ns. The weights are what the validator took for 256 KiB of its worst value, divided by the
number of values in it (jsonschema_rs 0.60, one core of 2 GHz), so MAX_WORK units take less than half a second.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from events.catalog.json_size import DEEPEST, FAST_INTEGERS, Size, is_ordinary
from events.catalog.refusals import SchemaRefused
from events.catalog.schema_graph import Children, Graph, Subschema

MAX_WORK = 250
# Each takes a microsecond and more, where one of the two numbers is no ordinary integer.
MAX_COMPARISONS = 200_000

_ANNOTATIONS = frozenset(("$schema", "$comment", "$defs", "definitions", "title", "description", "default", "examples"))
_NUMERIC = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SLOW_FORMATS = {"email": 3, "idn-email": 3, "idn-hostname": 8, "regex": 8}
# Up to 15 items are compared each with each, seven times an item, and what is in them as far as it is alike.
_EACH_WITH_EACH = 7
_UNIQUE_ITEM, _BELOW_UNIQUE_ITEM = 55, 5
_OPTION_OF_ITS_OWN_SHAPE = 15
_NAMES_A_UNIT = 2
_TEXT_A_UNIT = 128


@dataclass(frozen=True)
class Units:
    """What one subschema costs: for the value itself, for each of its items or fields, and for all below it."""

    value: int
    item: int = 0
    field: int = 0
    below: int = 0


@dataclass(frozen=True)
class Work:
    """What one value can meet, whatever the data: `rules` is the most units at any depth.

    `comparisons` are the numbers that a value at each depth is compared with, the last one's depth and below;
    `exact` says that some of them are no ordinary integers, so that comparing with an integer is slow too.
    """

    rules: int
    comparisons: tuple[int, ...]
    exact: bool

    def is_too_much_for(self, size: Size) -> bool:
        """Whether data of this size takes too many slow comparisons of numbers."""
        if not any(self.comparisons):
            return False
        last = len(self.comparisons) - 1
        total = sum(
            (fractions + integers * self.exact) * self.comparisons[min(depth, last)]
            for depth, (integers, fractions) in enumerate(size.numbers)
        )
        return total > MAX_COMPARISONS


def read_work(graph: Graph, pattern_units: Mapping[str, int]) -> Work:
    """The work of a schema whose patterns cost this much each. Raises SchemaRefused over MAX_WORK."""
    rules = heaviest(graph, lambda subschema: _own_rules(subschema.keywords, pattern_units), limit=MAX_WORK)
    if max(rules) > MAX_WORK:
        raise SchemaRefused(
            "The schema applies too many rules to one value to check it in time: use fewer alternatives, patterns"
            " and references beside one another."
        )
    comparisons = heaviest(graph, lambda subschema: _own_comparisons(subschema.keywords), limit=None)
    numbers = [number for subschema in graph.subschemas for number in _numbers(_compared(subschema.keywords))]
    return Work(max(rules), tuple(comparisons), not all(map(_is_fast, numbers)))


def heaviest(graph: Graph, own: Callable[[Subschema], Units], *, limit: int | None) -> list[int]:
    """Units of the heaviest value at each depth below one that meets the root.

    A value is an array or an object, never both. Ends early where all further depths are like the last, or the
    limit is passed anywhere.
    """
    owns = [(subschema, own(subschema)) for subschema in graph.subschemas]
    above: dict[Subschema, int] = {}
    found: list[int] = []
    for depth in range(DEEPEST):
        as_array: dict[Subschema, int] = {}
        as_object: dict[Subschema, int] = {}
        here: dict[Subschema, int] = {}
        for subschema, units in owns:
            array, object_ = _at_depth(units, depth)
            for inner in subschema.beside:
                array += as_array[inner]
                object_ += as_object[inner]
            if depth:
                array += _of_children(subschema.items, above)
                object_ += _of_children(subschema.fields, above)
            as_array[subschema] = array
            as_object[subschema] = object_
            here[subschema] = heavier = max(array, object_)
            if limit is not None and heavier > limit:
                return [*found, heavier]
        found.append(here[graph.root])
        if depth > 1 and here == above:
            break
        above = here
    return found


def _at_depth(units: Units, depth: int) -> tuple[int, int]:
    if depth == 0:
        return units.value, units.value
    if depth == 1:
        return units.item + units.below, units.field + units.below
    return units.below, units.below


def _of_children(children: Children[Subschema], above: Mapping[Subschema, int]) -> int:
    units = 0
    if children.one:
        units = max([above[inner] for inner in children.one])
    for inner in children.every:
        units += above[inner]
    return units


def _own_rules(keywords: Mapping[str, object], pattern_units: Mapping[str, int]) -> Units:
    value = 1 + sum(keyword not in _ANNOTATIONS for keyword in keywords)
    item = fields = below = 0
    for keyword, given in keywords.items():
        match keyword, given:
            case "pattern", str(pattern):
                value += pattern_units[pattern]
            case "patternProperties", dict(patterns):
                fields += sum(pattern_units[pattern] for pattern in patterns)
            case "format", str(name):
                value += _SLOW_FORMATS.get(name, 0)
            case "enum", list(options):
                value += sum(map(_option_units, options)) + len(json.dumps(options)) // _TEXT_A_UNIT
            case "const", option:
                value += _option_units(option) + len(json.dumps(option)) // _TEXT_A_UNIT
            case "required", list(names):
                value += len(names) // _NAMES_A_UNIT
            case "dependentRequired" | "dependentSchemas" | "dependencies", dict(rules):
                lists = [names for names in rules.values() if isinstance(names, list)]
                value += len(rules) + sum(map(len, lists)) // _NAMES_A_UNIT
            case "uniqueItems", True:
                item += _UNIQUE_ITEM
                below += _BELOW_UNIQUE_ITEM
    return Units(value, item, fields, below)


def _option_units(option: object) -> int:
    """Text, numbers and the like are looked up; an array or an object is compared with each value."""
    if not isinstance(option, list | dict):
        return 0
    return _OPTION_OF_ITS_OWN_SHAPE + sum(map(_option_units, _inner(option)))


def _own_comparisons(keywords: Mapping[str, object]) -> Units:
    """How many numbers the value is compared with, and how many each value below it may be."""
    compared = _compared(keywords)
    all_numbers = sum(1 for _ in _numbers(compared))
    with_the_value = sum(1 for _ in _numbers(value for value in compared if not isinstance(value, list | dict)))
    with_each_other = _EACH_WITH_EACH if keywords.get("uniqueItems") is True else 0
    return Units(with_the_value, below=all_numbers - with_the_value + with_each_other)


def _compared(keywords: Mapping[str, object]) -> list[object]:
    """The values that a subschema compares its value with."""
    compared = [keywords[keyword] for keyword in (*_NUMERIC, "const") if keyword in keywords]
    if isinstance(options := keywords.get("enum"), list):
        compared += options
    return compared


def _numbers(values: Iterable[object]) -> Iterator[int | float]:
    """Every number in the values, at any depth."""
    for value in values:
        if isinstance(value, list | dict):
            yield from _numbers(_inner(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield value


def _is_fast(number: int | float) -> bool:
    """Whether comparing an integer with it is fast. Raises SchemaRefused where no comparison would be."""
    if isinstance(number, int):
        return abs(number) < FAST_INTEGERS
    if not is_ordinary(number):
        raise SchemaRefused(f"{number} is too large or too small a number for a schema.")
    return False


def _inner(value: list[object] | dict[str, object]) -> list[object]:
    return value if isinstance(value, list) else list(value.values())
