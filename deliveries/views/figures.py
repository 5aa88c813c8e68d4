"""Figures of the Overview in words: counts, rates, times, and what they were before."""

from dataclasses import dataclass
from http import HTTPStatus

from deliveries.error_codes import ErrorCode
from deliveries.statistics import OutcomeCount, Totals, Traffic, relative_change

# What stands on a badge, where a sentence has no room.
SHORT_CODES = {
    ErrorCode.REDIRECT: "Redirect",
    ErrorCode.TIMEOUT: "Time-out",
    ErrorCode.CONNECTION_REFUSED: "No connection",
    ErrorCode.CONNECTION_RESET: "Reset",
    ErrorCode.DNS_FAILURE: "DNS",
    ErrorCode.TLS_UNTRUSTED: "TLS: untrusted",
    ErrorCode.TLS_EXPIRED: "TLS: expired",
    ErrorCode.TLS_HOSTNAME: "TLS: host name",
    ErrorCode.TLS_ERROR: "TLS",
    ErrorCode.BLOCKED_ADDRESS: "Blocked",
    ErrorCode.INVALID_RESPONSE: "Invalid answer",
    ErrorCode.WORKER_LOST: "Interrupted",
    ErrorCode.INTERNAL_ERROR: "Internal error",
}
_PHRASES: dict[int | None, str] = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Change:
    """Against the period before. `sign` is ▲, ▼ or nothing; `worse` where a person should look."""

    sign: str
    text: str
    worse: bool = False


@dataclass(frozen=True)
class Figure:
    """A counter: its name, its number with the unit, what stands below."""

    label: str
    value: str
    change: Change | None
    details: tuple[str, ...] = ()


def short_outcome(response_status: int | None, error_code: str) -> str:
    """ "401", "Time-out", "200"."""
    if not error_code or error_code == ErrorCode.HTTP_STATUS:
        return str(response_status)
    return SHORT_CODES[ErrorCode(error_code)]


def error_summary(response_status: int | None, error_code: str) -> str:
    """Why an attempt failed, in a word or two beside its status; empty where the status alone has to say it."""
    if error_code in SHORT_CODES:
        return SHORT_CODES[ErrorCode(error_code)]
    return _PHRASES.get(response_status, "") if error_code else ""


def outcome_name(outcome: OutcomeCount) -> str:
    """As `short_outcome`, with the status where the attempt failed in spite of one."""
    name = short_outcome(outcome.response_status, outcome.error_code)
    if outcome.error_code in ("", ErrorCode.HTTP_STATUS) or outcome.response_status is None:
        return name
    return f"{name} ({outcome.response_status})"


def percent(rate: float | None) -> str:
    """ "99.2 %". Only all is 100 %, and only none is 0 %: what is rounded stays short of them."""
    if rate is None:
        return "\N{EN DASH}"
    if rate in (0, 1):
        return f"{rate * 100:.0f} %"
    return f"{min(99.9, max(0.1, round(rate * 100, 1))):.1f} %"


def counted(count: int, at_most: int) -> str:
    """ "1,204", and "10,000+" of what is counted no further."""
    return f"{at_most:,}+" if count > at_most else f"{count:,}"


def milliseconds(value: int | None) -> str:
    """ "84 ms", and "12.4 s" from ten seconds on."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value / 1000:.1f} s" if value >= 10_000 else f"{value:,} ms"


def figures(traffic: Traffic, before_words: str) -> list[Figure]:
    """The counters of a period; `before_words` name the one before ("the day before")."""
    now, before = traffic.totals, traffic.before
    times = None if now.p50_ms is None else f"half within {milliseconds(now.p50_ms)}"
    return [
        Figure("Events", f"{now.events:,}", _count_change(now.events, before.events, before_words)),
        Figure("Deliveries", f"{now.deliveries:,}", _count_change(now.deliveries, before.deliveries, before_words)),
        Figure("Success rate", percent(now.success_rate), _rate_change(now, before, before_words), _failed_words(now)),
        Figure(
            "Response time, p95",
            milliseconds(now.p95_ms),
            _time_change(now.p95_ms, before.p95_ms, before_words),
            (times,) if times else ("no answer in this time",),
        ),
    ]


def _failed_words(totals: Totals) -> tuple[str, ...]:
    attempts = totals.succeeded + totals.failed
    if not attempts:
        return ("no attempt in this time",)
    failed = f"{totals.failed:,} of {attempts:,} attempts failed"
    return (failed, f"{totals.exhausted:,} for good") if totals.exhausted else (failed,)


def _count_change(now: int, before: int, before_words: str) -> Change | None:
    return _relative(relative_change(now, before), before_words)


def _time_change(now: int | None, before: int | None, before_words: str) -> Change | None:
    change = relative_change(now, before)
    told = _relative(change, before_words)
    if told is None or change is None:
        return None
    return Change(told.sign, told.text, worse=change >= 0.5)


def _relative(change: float | None, before_words: str) -> Change | None:
    if change is None:
        return None
    size = round(abs(change) * 100)
    if size == 0:
        return Change("", f"as {before_words}")
    text = f"{size:,} % on" if change < 10 else f"{change + 1:,.0f} times"
    return Change("▲" if change > 0 else "▼", f"{text} {before_words}")


def _rate_change(now: Totals, before: Totals, before_words: str) -> Change | None:
    if now.success_rate is None or before.success_rate is None:
        return None
    points = round((now.success_rate - before.success_rate) * 100, 1)
    if points == 0:
        return Change("", f"as {before_words}")
    return Change("▲" if points > 0 else "▼", f"{abs(points):g} points on {before_words}", worse=points <= -1)
