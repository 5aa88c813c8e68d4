"""From what a sender reports to what is recorded: the attempt, the delivery's state, the next retry."""

import json
from functools import lru_cache

from django.utils import timezone

from deliveries.engine.lane_rules import PAUSE_SECONDS_AT_MOST
from deliveries.engine.retry_schedule import after_failure, after_lost_worker
from deliveries.engine.statements import Claimed, Expired, Result
from deliveries.error_codes import ErrorCode
from deliveries.transport.retry_after import retry_after_seconds
from deliveries.transport.sender import Headers, Outcome

# Too many requests, bad gateway, service unavailable, gateway time-out (S23).
_BUSY = {429, 502, 503, 504}
# A receiver's headers are the same for a second (`Date`). Long ones are not remembered: receivers decide on them.
_REMEMBERED_HEADERS = 1_024
_REMEMBERED_LENGTH = 2_048


def result_of(claimed: Claimed, outcome: Outcome) -> Result:
    """A success ends the delivery; a failure is followed by the schedule's next attempt, if there is one."""
    succeeded = outcome.error_code is None
    retry_in = retry_after = None
    position = claimed.schedule_position
    busy = outcome.status in _BUSY
    if not succeeded:
        header = next((value for name, value in outcome.headers if name.lower() == "retry-after"), None)
        retry_after = retry_after_seconds(header, timezone.now())
        following = after_failure(position, retry_after)
        retry_in, position = following.retry_in, following.schedule_position
    return Result(
        delivery_id=claimed.delivery_id,
        lease=claimed.lease,
        succeeded=succeeded,
        retry_in=retry_in,
        schedule_position=position,
        lost_count=0,
        started_at=outcome.started_at,
        duration_ms=outcome.duration_ms,
        response_status=outcome.status,
        response_headers=_headers(outcome.headers) if outcome.status is not None else None,
        response_body=outcome.body,
        response_truncated=outcome.truncated,
        error_code=outcome.error_code.value if outcome.error_code is not None else "",
        error=outcome.error,
        blames=not succeeded and outcome.error_code is not ErrorCode.INTERNAL_ERROR,
        slow=busy or outcome.error_code is ErrorCode.TIMEOUT,
        # A float always: PostgreSQL's client refuses a list of floats and whole numbers.
        pause=min(retry_after, float(PAUSE_SECONDS_AT_MOST)) if busy and retry_after else None,
        recovers=succeeded and (claimed.down or claimed.failed_before),
        failed_before=claimed.failed_before,
    )


def _headers(headers: Headers) -> str:
    short = sum(len(name) + len(value) for name, value in headers) <= _REMEMBERED_LENGTH
    return (_as_json if short else json.dumps)(headers)


@lru_cache(_REMEMBERED_HEADERS)
def _as_json(headers: Headers) -> str:
    return json.dumps(headers)


def unsent(claimed: Claimed, sentence: str) -> Outcome:
    """The outcome of a delivery that never became a request."""
    return Outcome(
        token=claimed,
        started_at=timezone.now(),
        duration_ms=0,
        status=None,
        headers=(),
        body="",
        truncated=False,
        error_code=ErrorCode.INTERNAL_ERROR,
        error=sentence,
    )


def lost_worker(expired: Expired) -> Result:
    """A delivery whose worker died: it may have been sent, so the attempt is on record (S43)."""
    lost_count = expired.lost_count + 1
    following = after_lost_worker(expired.schedule_position, lost_count)
    return Result(
        delivery_id=expired.delivery_id,
        lease=expired.lease,
        succeeded=False,
        retry_in=following.retry_in,
        schedule_position=following.schedule_position,
        lost_count=lost_count,
        started_at=expired.started_at,
        duration_ms=max(0, round((expired.leased_until - expired.started_at).total_seconds() * 1000)),
        response_status=None,
        response_headers=None,
        response_body="",
        response_truncated=False,
        error_code=ErrorCode.WORKER_LOST.value,
        error=ErrorCode.WORKER_LOST.sentence,
        blames=False,
        slow=False,
        pause=None,
    )
