"""Charts as SVG made here: rectangles and axis steps, coloured by the classes of static/css/charts.css.

Widths are shares of the room there is and heights are pixels, so that text and lines keep their size on any screen.
"""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Protocol

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

# A sparkline, in pixels: a bar an hour and the gap beside it.
_SPARK_BAR, _SPARK_GAP, _SPARK_HEIGHT = 4, 1, 28
# What is not nothing is seen, however little it is.
_LEAST = 1.5


class Counts(Protocol):
    """A step of time: a Point of deliveries/statistics.py, say."""

    @property
    def start(self) -> dt.datetime: ...
    @property
    def succeeded(self) -> int: ...
    @property
    def failed(self) -> int: ...


def sparkline(hours: Sequence[Counts]) -> SafeString:
    """An image with a bar an hour, oldest first, what failed above what succeeded; words where nothing was."""
    succeeded, failed = (sum(getattr(hour, name) for hour in hours) for name in ("succeeded", "failed"))
    if not succeeded + failed:
        return mark_safe('<span class="muted small">no traffic</span>')
    most = max(hour.succeeded + hour.failed for hour in hours)
    rectangles = []
    for number, hour in enumerate(hours):
        x = number * (_SPARK_BAR + _SPARK_GAP)
        for tone, top, height in _stack(hour, _SPARK_HEIGHT - 1, most):
            rectangles.append(_rectangle(tone, str(x), str(_SPARK_BAR), top, height))
    width = len(hours) * (_SPARK_BAR + _SPARK_GAP) - _SPARK_GAP
    return format_html(
        '<svg class="sparkline" role="img" width="{0}" height="{1}" viewBox="0 0 {0} {1}" aria-label="{2}">'
        '{3}<rect class="chart-base" x="0" y="{4}" width="{0}" height="1"/></svg>',
        width,
        _SPARK_HEIGHT,
        f"Attempts in the last {len(hours)} hours: {succeeded:,} succeeded, {failed:,} failed",
        mark_safe("".join(rectangles)),  # noqa: S308 (numbers and our own words)
        _SPARK_HEIGHT - 1,
    )


def _stack(counts: Counts, room: float, most: float) -> list[tuple[str, float, float]]:
    """(class, top, height) of what succeeded and of what failed above it, `most` filling the room."""
    parts = []
    top = room
    for tone, number in (("chart-good", counts.succeeded), ("chart-bad", counts.failed)):
        if number:
            height = max(_LEAST, room * number / most)
            top = max(0.0, top - height)
            parts.append((tone, top, height))
    return parts


def _rectangle(tone: str, x: str, width: str, top: float, height: float) -> str:
    return f'<rect class="{tone}" x="{x}" y="{top:.1f}" width="{width}" height="{height:.1f}"/>'


def nice_steps(most: float, steps: int = 4) -> tuple[float, ...]:
    """The marks of an axis from 0 to `most` or a little beyond, 1, 2 or 5 times a power of ten apart.

    About as many as `steps`, and two at least; whole numbers where `most` is 1 or more.
    """
    rough = most / steps if most else 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    if most >= 1:
        step = max(1.0, step)
    return tuple(round(number * step, 10) for number in range(max(1, math.ceil(most / step - 1e-9)) + 1))
