"""How an endpoint's lane answers to what happens on it: its cap, its circuit breaker, its pauses.

The numbers stand here alone. PostgreSQL applies the rules inside the statement that records results
(deliveries/engine/statements/postgresql_finish.py), SQLite with the functions below; one suite holds both to the same.
"""

import datetime as dt
from dataclasses import dataclass

from deliveries.models import Lane
from deliveries.models.lane import CAP_AT_LEAST, CAP_AT_MOST

# The breaker opens after so many failures in a row (product.md section 4) …
OPEN_AFTER = 10
# … unless the endpoint is busy, with so many attempts within the window, and less than this share of them failed.
WINDOW_SECONDS = 60
BUSY_ATTEMPTS = 20
OPEN_SHARE = 0.5
# So long it stays open at first; twice as long each time that the delivery let through fails too.
OPEN_SECONDS = 10
OPEN_SECONDS_AT_MOST = 300
# With the first success it closes, and the backlog begins with so many in flight.
CAP_AFTER_OPEN = 2

# A pause that a receiver asks for with Retry-After holds for the whole endpoint, so long at most.
PAUSE_SECONDS_AT_MOST = 3_600

# The cap grows while response times stay within twice the usual and this many milliseconds (a busy worker's own delay).
GRACE_MS = 50.0
# The usual response time falls at once to a shorter one, and rises by this share of the difference.
USUAL_RISES_BY = 0.001

# On a lane with both, first attempts leave one place of so many to retries.
ONE_RETRY_OF = 4
# Where there are fewer places, a retry goes first in one claim of so many: by the lane's `seq` times the golden ratio,
# of which the fraction spreads evenly however many other changes of `seq` come between two claims.
GOLDEN = 40_503
GOLDEN_OF = 65_536


def retry_share(limit: int) -> int:
    """Of a claim of `limit`, what lanes that have nothing but retries get at most."""
    return max(1, limit // ONE_RETRY_OF)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one statement records of one lane.

    `successes` and `failures` leave out attempts that do not count (`counts`), `failures` also what says nothing of the
    endpoint: test sends, lost workers, errors of our own. `probe_failed` says that one of them was the delivery let out
    by a half-open breaker. What is left is of all attempts at the endpoint's URL (`is_of_url`): `slow` says that it
    showed it has too much to do, `pause` how many seconds it asked for, `ms` how long its successes took on average.
    """

    successes: int
    failures: int
    probe_failed: bool
    slow: bool
    pause: float | None
    ms: float | None


def counts(lane: Lane, began: dt.datetime | None) -> bool:
    """Whether an attempt claimed at that moment counts for cap and breaker.

    Those that were in flight when the breaker opened do not, however they end: they would decide in place of the one
    that is let out to find out, or open it again when that one has closed it.
    """
    return lane.judged_from is None or began is None or began >= lane.judged_from


def is_of_url(lane: Lane, began: dt.datetime | None) -> bool:
    """Whether an attempt claimed at that moment went to the URL that the endpoint has."""
    return lane.url_since is None or began is None or began >= lane.url_since


def apply(tally: Tally, lane: Lane, now: dt.datetime) -> None:
    """Change the lane's cap, breaker and pause; the caller saves it."""
    closes = lane.open_until is not None and tally.successes > 0
    _adapt_cap(tally, lane, closes)
    _count(tally, lane, now)
    if closes:
        lane.open_until, lane.opened_count = None, 0
    elif not tally.successes and _opens(tally, lane):
        lane.open_until = now + dt.timedelta(seconds=min(OPEN_SECONDS_AT_MOST, OPEN_SECONDS * 2**lane.opened_count))
        lane.opened_count = min(lane.opened_count + 1, 10)
        lane.judged_from = now
    if tally.successes or tally.probe_failed:
        lane.probing = False
    if tally.pause is not None:
        until = now + dt.timedelta(seconds=tally.pause)
        lane.paused_until = until if lane.paused_until is None else max(until, lane.paused_until)


def _adapt_cap(tally: Tally, lane: Lane, closes: bool) -> None:
    usual = lane.usual_ms
    keeps_pace = tally.ms is not None and (usual is None or tally.ms <= 2 * usual + GRACE_MS)
    if closes:
        lane.cap = CAP_AFTER_OPEN
    elif tally.slow:
        lane.cap = max(CAP_AT_LEAST, lane.cap // 2)
    elif lane.limited and keeps_pace and tally.successes > tally.failures:
        lane.cap = min(CAP_AT_MOST, lane.cap + tally.successes - tally.failures)
    if tally.ms is not None:
        lane.usual_ms = tally.ms if usual is None else min(tally.ms, usual + (tally.ms - usual) * USUAL_RISES_BY)


def _count(tally: Tally, lane: Lane, now: dt.datetime) -> None:
    lane.failures_in_a_row = 0 if tally.successes else lane.failures_in_a_row + tally.failures
    if lane.window_from is None or lane.window_from <= now - dt.timedelta(seconds=WINDOW_SECONDS):
        lane.window_from, lane.window_attempts, lane.window_failures = now, 0, 0
    lane.window_attempts += tally.successes + tally.failures
    lane.window_failures += tally.failures


def _opens(tally: Tally, lane: Lane) -> bool:
    if lane.open_until is not None:
        return lane.probing and tally.probe_failed
    busy = lane.window_attempts >= BUSY_ATTEMPTS
    mostly_works = busy and lane.window_failures < lane.window_attempts * OPEN_SHARE
    return tally.failures > 0 and lane.failures_in_a_row >= OPEN_AFTER and not mostly_works
