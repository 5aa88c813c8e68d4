"""Names of event types, and the patterns by which an endpoint subscribes to them.

A pattern is a name (`order.paid`), everything under a prefix (`order.*`, `order.line.*`), or everything (`*`).
`*` leaves out the `webhook` family: events about endpoints and deliveries are opt-in (security.md S40).
"""

import re
from collections.abc import Iterable

EVENT_TYPE_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
MAX_NAME_LENGTH = 128
MAX_PATTERNS = 500
EVERYTHING = "*"
OPT_IN_FAMILY = "webhook"
# How the name of each type of that family begins.
OPT_IN_PREFIX = f"{OPT_IN_FAMILY}."

_PREFIX = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


class InvalidPattern(ValueError):
    """A name or pattern that no event type can have, in one sentence."""


def check_event_type_name(name: object) -> None:
    """Raises InvalidPattern unless `name` is one that an event type may have."""
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not EVENT_TYPE_NAME.fullmatch(name):
        raise InvalidPattern(
            f"{_shown(name)} is not an event type: use lower-case letters, digits and _ in two or more parts"
            f" joined by dots, such as order.paid, at most {MAX_NAME_LENGTH} characters."
        )


def check_pattern(text: object) -> None:
    """Raises InvalidPattern unless `text` is a pattern that some event type can match."""
    if isinstance(text, str) and len(text) <= MAX_NAME_LENGTH:
        if text == EVERYTHING or EVENT_TYPE_NAME.fullmatch(text):
            return
        if text.endswith(".*") and _PREFIX.fullmatch(text.removesuffix(".*")):
            return
    raise InvalidPattern(
        f"{_shown(text)} is not a pattern: use a name such as order.paid, a prefix such as order.*, or * for all."
    )


def check_patterns(patterns: Iterable[object]) -> list[str]:
    """The patterns without repeats, in their order.

    Raises InvalidPattern where one is malformed or more than MAX_PATTERNS differ.
    """
    unique: dict[str, None] = {}
    for pattern in patterns:
        check_pattern(pattern)
        unique[str(pattern)] = None
        if len(unique) > MAX_PATTERNS:
            raise InvalidPattern(
                f"An endpoint may have at most {MAX_PATTERNS} patterns: use prefixes such as order.* instead."
            )
    return list(unique)


def patterns_matching(event_type: str) -> tuple[str, ...]:
    """Every pattern that matches this type: the name, each of its prefixes, `*` unless its family is opt-in.

    The narrowest comes first. The statements of the engine's fan-out look for the same ones.
    """
    parts = event_type.split(".")
    prefixes = [".".join(parts[:length]) + ".*" for length in range(len(parts) - 1, 0, -1)]
    everything = () if parts[0] == OPT_IN_FAMILY else (EVERYTHING,)
    return (event_type, *prefixes, *everything)


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Whether an endpoint with these patterns is subscribed to this type."""
    return not set(patterns_matching(event_type)).isdisjoint(patterns)


def _shown(value: object) -> str:
    return repr(value[:MAX_NAME_LENGTH]) if isinstance(value, str) else f"A {type(value).__name__}"
