"""What an entry of the audit log says has changed, for people: field by field, before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from switera_webhooks.api.fields import parse_time

# What is longer, or deeper than one level, stands in a block of its own.
_INLINE_AT_MOST = 80
# The page is of one environment.
_UNSAID = {"environment"}
_LABELS = {"as": "Format", "overlap": "Overlap in seconds", "url": "URL"}


@dataclass(frozen=True)
class Change:
    """One field. Of a plain fact there is no `before`; `is_block` values are shown as JSON, else as text."""

    label: str
    before: Any
    after: Any
    is_fact: bool
    is_block: bool


def readable_changes(changes: Mapping[str, Any]) -> list[Change]:
    """Those of an entry, in the order in which they were written."""
    return [_readable(field, value) for field, value in changes.items() if field not in _UNSAID]


def _readable(field: str, value: Any) -> Change:
    label = _LABELS.get(field) or field.replace("_", " ").capitalize()
    is_change = isinstance(value, list) and len(value) == 2
    before, after = value if is_change else (None, value)
    is_fact = not is_change or before is None
    words = _inline(before), _inline(after)
    if None in words:
        return Change(label, before, after, is_fact, is_block=True)
    return Change(label, *words, is_fact, is_block=False)


def _inline(value: Any) -> str | None:
    """The value in a few words; None where it takes more."""
    words = _words(value)
    return words if words is not None and len(words) <= _INLINE_AT_MOST else None


def _words(value: Any) -> str | None:
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return _joined([f"{name}: {_words(each)}" for name, each in value.items() if not _is_deep(each)], value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _joined([str(_words(each)) for each in value if not _is_deep(each)], value)
    moment = parse_time(value)
    return str(value) if moment is None else f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def _is_deep(value: Any) -> bool:
    return isinstance(value, list | dict) and bool(value)


def _joined(words: Sequence[str], of: Any) -> str | None:
    return ", ".join(words) if len(words) == len(of) else None
