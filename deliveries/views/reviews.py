"""Which endpoints need a person, since when, and what to do: the first thing that the Overview says."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from deliveries.failure_causes import Cause
from deliveries.models.lane import BreakerState
from deliveries.statistics import Failure
from webhooks.health import ATTENTION_WINDOW
from webhooks.models import DisabledReason, Endpoint

# So many failures in a row are more than one delivery's bad luck.
_SOME_FAILURES = 3


@dataclass(frozen=True)
class Review:
    """An endpoint in Attention. `reason` says which sentence is told of it:

    gone, sustained_failure (disabled by the system), failing (every attempt fails), failed (a delivery did, for good),
    or retrying (one waits for its next attempt).
    """

    endpoint: Endpoint
    reason: str
    since: dt.datetime | None
    # Of the last failures of 24 hours; None where they are older.
    cause: Cause | None
    # The circuit breaker lets nothing out until then.
    open_until: dt.datetime | None
    # It is disabled by itself then, if nothing succeeds before.
    disabled_from: dt.datetime | None


def reviews(endpoints: Sequence[Any], failures: Sequence[Failure], causes: Sequence[Cause]) -> list[Review]:
    """One for each of these rows of `with_health`; `causes` are of the `failures`, newest first."""
    cause_of: dict[object, Cause] = {}
    for failure, cause in zip(failures, causes, strict=True):
        cause_of.setdefault(failure.endpoint.pk, cause)
    return [_review(endpoint, cause_of.get(endpoint.pk)) for endpoint in endpoints]


def _review(endpoint: Any, cause: Cause | None) -> Review:
    lane = endpoint.lane
    reason, since = _reason(endpoint)
    failing = reason == "failing"
    return Review(
        endpoint=endpoint,
        reason=reason,
        since=since,
        cause=cause,
        open_until=lane.open_until if failing and lane.breaker is BreakerState.OPEN else None,
        disabled_from=since + dt.timedelta(seconds=settings.WEBHOOKS_DISABLE_AFTER) if failing and since else None,
    )


def _reason(endpoint: Any) -> tuple[str, dt.datetime | None]:
    lane = endpoint.lane
    if endpoint.disabled_reason in (DisabledReason.GONE, DisabledReason.SUSTAINED_FAILURE):
        return endpoint.disabled_reason, endpoint.disabled_at
    if endpoint.disabled_at is None and lane.failing_since and lane.failures_in_a_row >= _SOME_FAILURES:
        return "failing", lane.failing_since
    if lane.last_exhausted_at and timezone.now() - lane.last_exhausted_at < ATTENTION_WINDOW:
        return "failed", lane.last_exhausted_at
    return "retrying", lane.failing_since
