"""Charts as SVG made here: rectangles and axis steps, coloured by the classes of static/css/charts.css.

Widths are shares of the room there is and heights are pixels, so that text and lines keep their size on any screen.
"""

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from switera_webhooks.times import iso

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
    # A path a tone, not a rectangle a bar: a page has fifty of these.
    paths: dict[str, str] = {}
    for number, hour in enumerate(hours):
        x = number * (_SPARK_BAR + _SPARK_GAP)
        for tone, top, height in _stack(hour, _SPARK_HEIGHT - 1, most):
            paths[tone] = f"{paths.get(tone, '')}M{x} {top:.1f}h{_SPARK_BAR}v{height:.1f}h-{_SPARK_BAR}z"
    bars = "".join(f'<path class="{tone}" d="{path}"/>' for tone, path in paths.items())
    width = len(hours) * (_SPARK_BAR + _SPARK_GAP) - _SPARK_GAP
    return format_html(
        '<svg class="sparkline" role="img" width="{0}" height="{1}" viewBox="0 0 {0} {1}" aria-label="{2}">'
        '{3}<rect class="chart-base" x="0" y="{4}" width="{0}" height="1"/></svg>',
        width,
        _SPARK_HEIGHT,
        f"Attempts in the last {len(hours)} hours: {succeeded:,} succeeded, {failed:,} failed",
        mark_safe(bars),  # noqa: S308 (numbers and our own words)
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


@dataclass(frozen=True)
class TimeChart:
    """A period in steps, for templates/components/time_chart.html: all of it SVG but the times below the bars."""

    summary: str
    bars: SafeString
    bar_marks: SafeString
    # None where nothing failed.
    rates: SafeString | None
    rate_marks: SafeString | None
    # One at the left of each of the columns that divide the width.
    times: tuple[dt.datetime, ...]
    # How templates write these: `clock` or `weekday` (static/js/moments.js).
    time_style: str


# In pixels; the room above is for the half of a mark's text.
_BARS_HEIGHT, _RATES_HEIGHT, _ABOVE = 176, 56, 8
# Of a step's width, the part that its bar fills.
_BAR_SHARE = 0.8


def time_chart(points: Sequence[Counts], columns: int, time_style: str, summary: str) -> TimeChart:
    """Bars of what succeeded and failed in each step, and the share that failed below them.

    `columns` divides the number of points; the last of these is still under way.
    """
    steps = nice_steps(max(point.succeeded + point.failed for point in points))
    bars = "".join(
        _column(point, number, len(points), _stack(point, _BARS_HEIGHT - _ABOVE, steps[-1]))
        for number, point in enumerate(points)
    )
    rates: SafeString | None = None
    rate_marks: SafeString | None = None
    if any(point.failed for point in points):
        shares = [_share_failed(point) for point in points]
        rate_steps = nice_steps(max(shares), 2)
        room = _RATES_HEIGHT - _ABOVE
        rates = _plot(
            _RATES_HEIGHT,
            rate_steps,
            "".join(
                _column(point, number, len(points), _share_bar(share, room, rate_steps[-1]))
                for number, (point, share) in enumerate(zip(points, shares, strict=True))
            ),
        )
        rate_marks = _marks(_RATES_HEIGHT, rate_steps, lambda share: f"{share * 100:g} %")
    return TimeChart(
        summary=summary,
        bars=_plot(_BARS_HEIGHT, steps, bars),
        bar_marks=_marks(_BARS_HEIGHT, steps, _compact),
        rates=rates,
        rate_marks=rate_marks,
        times=tuple(point.start for point in points[:: len(points) // columns]),
        time_style=time_style,
    )


def _share_failed(point: Counts) -> float:
    attempts = point.succeeded + point.failed
    return point.failed / attempts if attempts else 0.0


def _share_bar(share: float, room: float, most: float) -> list[tuple[str, float, float]]:
    if not share:
        return []
    height = max(_LEAST, room * share / most)
    return [("chart-bad", room - height, height)]


def _column(point: Counts, number: int, of: int, parts: Sequence[tuple[str, float, float]]) -> str:
    """A step's rectangles, and one over the whole height that the script asks for what they mean."""
    step = 100 / of
    x, width = f"{(number + (1 - _BAR_SHARE) / 2) * step:.3f}%", f"{_BAR_SHARE * step:.3f}%"
    shapes = "".join(_rectangle(tone, x, width, _ABOVE + top, height) for tone, top, height in parts)
    told = f"{point.succeeded:,} succeeded, {point.failed:,} failed"
    hit = f'<rect class="chart-hit" x="{number * step:.3f}%" width="{step:.3f}%" height="100%"/>'
    under_way = ' class="chart-under-way"' if number == of - 1 else ""
    return f'<g{under_way} data-start="{iso(point.start)}" data-told="{told}">{hit}{shapes}</g>'


def _plot(height: int, steps: Sequence[float], inside: str) -> SafeString:
    lines = "".join(
        f'<rect class="chart-line" y="{_y(value, steps, height) - 0.5:.1f}" width="100%" height="1"/>'
        for value in steps
    )
    svg = f'<svg class="chart-plot" width="100%" height="{height}">{lines}{inside}</svg>'
    return mark_safe(svg)  # noqa: S308 (numbers and our own words)


def _marks(height: int, steps: Sequence[float], text: Callable[[float], str]) -> SafeString:
    """The texts of an axis, right-aligned."""
    marks = "".join(
        f'<text class="chart-mark" x="100%" y="{_y(value, steps, height):.1f}" dy="0.32em">{text(value)}</text>'
        for value in steps
    )
    return mark_safe(f'<svg class="chart-marks" width="100%" height="{height}">{marks}</svg>')  # noqa: S308 (the same)


def _y(value: float, steps: Sequence[float], height: int) -> float:
    return _ABOVE + (height - _ABOVE) * (1 - value / steps[-1])


def _compact(value: float) -> str:
    """3,000 and 25k and 1.5M: the steps of an axis are round enough."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= 10 * size or (value >= size and letter == "M"):
            return f"{value / size:g}{letter}"
    return f"{value:,.0f}"
