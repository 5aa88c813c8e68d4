"""Figures in words: nothing that is rounded says all or nothing."""

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.statistics import OutcomeCount
from deliveries.views.figures import SHORT_CODES, milliseconds, outcome_name, percent


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 %"),
        (1, "100 %"),
        (0.99999, "99.9 %"),
        (0.00001, "0.1 %"),
        (0.992, "99.2 %"),
        (0.5, "50.0 %"),
    ],
)
def test_only_all_is_a_hundred_percent(rate: float | None, text: str) -> None:
    assert percent(rate) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(None, "\N{EN DASH}"), (0, "0 ms"), (84, "84 ms"), (9_999, "9,999 ms"), (12_400, "12.4 s")]
)
def test_long_times_are_told_in_seconds(ms: int | None, text: str) -> None:
    assert milliseconds(ms) == text


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (OutcomeCount(204, "", 1), "204"),
        (OutcomeCount(401, "http_status", 1), "401"),
        (OutcomeCount(None, "timeout", 1), "Time-out"),
        (OutcomeCount(200, "timeout", 1), "Time-out (200)"),
        (OutcomeCount(301, "redirect", 1), "Redirect (301)"),
    ],
)
def test_an_outcome_has_a_short_name(outcome: OutcomeCount, name: str) -> None:
    assert outcome_name(outcome) == name


def test_every_error_code_has_one_but_that_of_a_status() -> None:
    assert set(SHORT_CODES) == set(ErrorCode) - {ErrorCode.HTTP_STATUS}
