"""Figures and counts of an endpoint in words."""

import pytest

from deliveries.views.figures import milliseconds, percent
from webhooks.views.endpoint_words import held_words


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "\N{EN DASH}"), (0, "0 %"), (1, "100 %"), (0.992, "99.2 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %")],
)
def test_only_all_is_a_hundred_percent(rate: float | None, text: str) -> None:
    assert percent(rate) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(None, "\N{EN DASH}"), (84, "84 ms"), (9_999, "9,999 ms"), (15_000, "15.0 s")]
)
def test_long_times_are_in_seconds(ms: int | None, text: str) -> None:
    assert milliseconds(ms) == text


def test_held_deliveries_are_counted() -> None:
    assert [held_words(count) for count in (0, 1, 1_200, 10_001)] == [
        "No delivery is held yet.",
        "One delivery is held.",
        "1,200 deliveries are held.",
        "10,000+ deliveries are held.",
    ]
