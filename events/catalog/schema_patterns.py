"""Patterns of schemas: the engine that cannot backtrack, and what a pattern may cost in it (security.md S41b).

Linear time is not little time: `([01]{1,50}){1,50}x` took 9 s for 256 KiB of text. What bounds it is the size of
the compiled pattern, and a small cache for the states met so far, beyond which the engine changes its ways
instead of filling megabytes. Measured for 256 KiB of the worst text found, at a cache of 64,000 bytes: 75 ms
for a pattern of 4,000 bytes, 150 ms for one of 10,000. Common patterns take less than 1 ms.
"""

from collections.abc import Iterable

import jsonschema_rs

from events.catalog.refusals import SchemaRefused
from events.catalog.schema_graph import Subschema, shown

MAX_PATTERNS = 50
MAX_PATTERN_BYTES = 10_000
_CACHE_BYTES = 64_000
# Bytes when compiled, and the units of work (schema_work.py) of a pattern that is no larger.
_UNITS = ((1_000, 12), (2_000, 24), (4_000, 60), (MAX_PATTERN_BYTES, 120))
_SUPPORTED_AT_ALL = 1_000_000

PATTERN_OPTIONS = jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES, dfa_size_limit=_CACHE_BYTES)


def pattern_units(subschemas: Iterable[Subschema]) -> dict[str, int]:
    """Every pattern that the subschemas use, with what it costs.

    Raises SchemaRefused for more than MAX_PATTERNS, for one that the engine does not know, and for one too large.
    """
    units: dict[str, int] = {}
    for subschema in subschemas:
        for pattern in _patterns(subschema.keywords):
            if pattern not in units:
                units[pattern] = _units(pattern)
            if len(units) > MAX_PATTERNS:
                raise SchemaRefused(f"A schema may have at most {MAX_PATTERNS} different patterns.")
    return units


def _patterns(keywords: dict[str, object]) -> Iterable[str]:
    if isinstance(pattern := keywords.get("pattern"), str):
        yield pattern
    if isinstance(patterns := keywords.get("patternProperties"), dict):
        yield from patterns


def _units(pattern: str) -> int:
    for size, units in _UNITS:
        if _compiles(pattern, size):
            return units
    if _compiles(pattern, _SUPPORTED_AT_ALL):
        raise SchemaRefused(
            f"The pattern {shown(pattern)!r} is too large to check in time: repeat smaller parts, and limit lengths by"
            ' "minLength" and "maxLength".'
        )
    raise SchemaRefused(
        f"The pattern {shown(pattern)!r} is incomplete or cannot be checked in linear time: leave out look-around,"
        " back-references and large repetitions."
    )


def _compiles(pattern: str, size: int) -> bool:
    options = jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=_CACHE_BYTES)
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options, offline=True)
    except ValueError:
        return False
    return True
