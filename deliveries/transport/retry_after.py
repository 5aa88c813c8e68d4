"""What a receiver asks for with Retry-After (RFC 9110, section 10.2.3; security.md S22)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 86_400.0


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds to wait from `now` (aware), 86,400 at most; None for nothing, the past and garbage."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        digits = value.lstrip("0")
        return MAX_SECONDS if len(digits) > 5 else min(float(digits or "0"), MAX_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(seconds, MAX_SECONDS) if seconds >= 0 else None
