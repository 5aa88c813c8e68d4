"""When a failed delivery is tried again (product.md section 4)."""

import random
from dataclasses import dataclass

from django.conf import settings

# A delivery that loses its worker so many times in a row uses up attempts from then on (S43).
LOST_BEFORE_COUNTING = 3


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """What follows a failure: the delay in seconds, None when the schedule is used up, and the new position."""

    retry_in: float | None
    schedule_position: int


def after_failure(schedule_position: int, retry_after: float | None = None) -> NextAttempt:
    """The schedule's delay ± jitter; later where the receiver's Retry-After says so, never sooner (S22)."""
    schedule = settings.WEBHOOKS_RETRY_SCHEDULE
    if schedule_position >= len(schedule):
        return NextAttempt(None, schedule_position)
    jitter = settings.WEBHOOKS_RETRY_JITTER
    delay = schedule[schedule_position] * random.uniform(1 - jitter, 1 + jitter)  # noqa: S311 (spreads load, no secret)
    return NextAttempt(max(delay, retry_after or 0.0), schedule_position + 1)


def after_lost_worker(schedule_position: int, lost_count: int) -> NextAttempt:
    """At once and without using up an attempt, unless `lost_count` says that it keeps happening."""
    if lost_count < LOST_BEFORE_COUNTING:
        return NextAttempt(0.0, schedule_position)
    return after_failure(schedule_position)
