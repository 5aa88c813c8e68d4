"""The charts of the pages: what is drawn, and what is told of it."""

import datetime as dt
import re
from typing import NamedTuple

import pytest

from switera_webhooks.pages.chart import nice_steps, sparkline, time_chart


class Point(NamedTuple):
    start: dt.datetime
    succeeded: int
    failed: int


START = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def point(hour: int, succeeded: int, failed: int) -> Point:
    return Point(START + dt.timedelta(hours=hour), succeeded, failed)


def rectangles(svg: str, tone: str) -> list[tuple[float, float, float]]:
    """x, y and height of those with this class."""
    found = re.findall(rf'<rect class="{tone}" x="([\d.]+)%?" y="([\d.]+)" width="[\d.]+%?" height="([\d.]+)"', svg)
    return [(float(x), float(y), float(height)) for x, y, height in found]


def bars(svg: str, tone: str) -> list[tuple[float, float, float]]:
    """x, y and height of a sparkline's bars of this tone."""
    (path,) = re.findall(rf'<path class="{tone}" d="([^"]*)"/>', svg)
    found = re.findall(r"M(\d+) ([\d.]+)h4v([\d.]+)h-4z", path)
    return [(float(x), float(y), float(height)) for x, y, height in found]


def test_a_sparkline_stacks_what_failed_on_what_succeeded() -> None:
    svg = sparkline([point(0, 10, 0), point(1, 0, 0), point(2, 15, 5)])

    assert bars(svg, "chart-good") == [(0, 13.5, 13.5), (10, 6.8, 20.2)]
    assert bars(svg, "chart-bad") == [(10, 0.0, 6.8)]
    assert 'role="img"' in svg
    assert 'aria-label="Attempts in the last 3 hours: 25 succeeded, 5 failed"' in svg
    assert "style" not in svg


def test_one_failure_in_a_million_is_seen() -> None:
    svg = sparkline([point(0, 1_000_000, 1)])

    assert bars(svg, "chart-bad") == [(0, 0.0, 1.5)]


@pytest.mark.parametrize("hours", [[], [point(0, 0, 0)]])
def test_where_nothing_was_there_are_words(hours: list[Point]) -> None:
    assert sparkline(hours) == '<span class="muted small">no traffic</span>'


@pytest.mark.parametrize(
    ("most", "steps"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (7, (0, 2, 4, 6, 8)),
        (100, (0, 50, 100)),
        (2_567, (0, 1_000, 2_000, 3_000)),
        (1_000_000, (0, 500_000, 1_000_000)),
        (0.07, (0, 0.02, 0.04, 0.06, 0.08)),
        (0.3, (0, 0.1, 0.2, 0.3)),
    ],
)
def test_an_axis_has_round_steps(most: float, steps: tuple[float, ...]) -> None:
    assert nice_steps(most) == steps


def test_a_time_chart_has_a_column_a_step_and_the_share_that_failed_below() -> None:
    points = [point(0, 60, 20), point(1, 0, 0), point(2, 100, 0), point(3, 0, 5)]

    chart = time_chart(points, 2, "clock", "Four hours.")

    # 168 pixels for 100, below 8 for the marks.
    assert rectangles(chart.bars, "chart-good") == [(2.5, 75.2, 100.8), (52.5, 8.0, 168.0)]
    assert rectangles(chart.bars, "chart-bad") == [(2.5, 41.6, 33.6), (77.5, 167.6, 8.4)]
    assert re.findall(r'data-told="([^"]+)"', chart.bars) == [
        "60 succeeded, 20 failed",
        "0 succeeded, 0 failed",
        "100 succeeded, 0 failed",
        "0 succeeded, 5 failed",
    ]
    assert chart.rates is not None
    assert chart.rate_marks is not None
    # 48 pixels for all.
    assert rectangles(chart.rates, "chart-bad") == [(2.5, 44.0, 12.0), (77.5, 8.0, 48.0)]
    assert re.findall(r">([^<]+)</text>", chart.rate_marks) == ["0 %", "100 %"]
    assert re.findall(r">([^<]+)</text>", chart.bar_marks) == ["0", "50", "100"]
    assert chart.times == (points[0].start, points[2].start)
    assert chart.bars.count("chart-under-way") == 1
    assert "style" not in chart.bars + chart.rates + chart.bar_marks


def test_without_failures_there_is_no_error_rate_to_draw() -> None:
    chart = time_chart([point(0, 12_500, 0), point(1, 0, 0)], 1, "clock", "Two hours.")

    assert (chart.rates, chart.rate_marks) == (None, None)
    assert re.findall(r">([^<]+)</text>", chart.bar_marks) == ["0", "5,000", "10k", "15k"]
