"""Retry-After: security.md S22."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from deliveries.transport.retry_after import retry_after_seconds

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("5", 5.0),
        (" 120 ", 120.0),
        ("007", 7.0),
        ("86400", 86_400.0),
        ("86401", 86_400.0),
        ("9" * 5_000, 86_400.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sunday, 01-Mar-26 12:00:30 GMT", 30.0),
        ("Sun Mar  1 12:00:30 2026", 30.0),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30.0),
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0.0),
        ("Tue, 01 Mar 2033 12:00:00 GMT", 86_400.0),
        ("Sun, 01 Mar 2026 11:59:59 GMT", None),
        ("-1", None),
        ("+5", None),
        ("1.5", None),
        ("1e3", None),
        ("5 s", None),
        ("5, 6", None),
        ("\u0665", None),
        ("", None),
        ("soon", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
        ("Sun, 01 Mar 99999999999 12:00:30 GMT", None),
        ("Sun, 01 Mar 2026 12:00:30 +9999999999", None),
        ("\x00", None),
    ],
)
def test_s22_seconds_or_a_date_at_most_a_day_and_nothing_else(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


def test_the_current_time_may_be_in_any_zone() -> None:
    now = NOW.astimezone(timezone(timedelta(hours=-5)))

    assert retry_after_seconds("Sun, 01 Mar 2026 12:00:30 GMT", now) == 30.0
