"""How long things took or wait, and how far an app's deletion is, in words: `{% load deliveries %}`."""

import datetime as dt

from django import template

from deliveries.app_deletion import COUNTED_AT_MOST
from deliveries.models import AppDeletion

register = template.Library()

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@register.filter
def duration(milliseconds: int | None) -> str:
    """62 ms, 1.4 s, 15 s, 2 min 5 s; a dash for None."""
    if milliseconds is None:
        return "\N{EN DASH}"
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds / 1_000:.1f} s"
    return span(dt.timedelta(milliseconds=milliseconds))


@register.filter
def span(length: dt.timedelta) -> str:
    """The two largest units: 3 min 58 s, 2 d 4 h; 0 s at least."""
    left = max(0, round(length.total_seconds()))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"


@register.filter
def deletion_progress(deletion: AppDeletion) -> str:
    """Being deleted: 40,000 of 1,200,000 events and deliveries."""
    if deletion.rows is None:
        return "Being deleted: its rows follow once subscribed endpoints, if any, are told."
    more = "more than " if deletion.rows >= COUNTED_AT_MOST else ""
    deleted = deletion.deleted if more else min(deletion.deleted, deletion.rows)
    return f"Being deleted: {deleted:,} of {more}{deletion.rows:,} events and deliveries."
