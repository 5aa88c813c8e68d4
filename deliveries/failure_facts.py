"""What is known of failed attempts, read for their likely causes."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db.models.functions import Length

from deliveries.error_codes import ErrorCode
from deliveries.failure_causes import Cause, FailureFacts, likely_cause
from deliveries.models import Attempt, AttemptStatus, Delivery, Lane
from deliveries.statistics import Failure
from webhooks.models import Endpoint, EndpointSecret

# An endpoint's first secret is made with it: one that is younger by so much came by a rotation.
_MADE_TOGETHER = dt.timedelta(seconds=5)


def causes_of(delivery: Delivery, attempts: Sequence[Attempt]) -> dict[int, Cause]:
    """The likely cause of each failed attempt by its number; `attempts` are all of the delivery, oldest first.

    Two queries, whatever the number, and none without a failure; `delivery` has its endpoint and event loaded.
    """
    if all(attempt.status == AttemptStatus.SUCCEEDED for attempt in attempts):
        return {}
    endpoint = delivery.endpoint
    secrets = list(EndpointSecret.objects.filter(endpoint=endpoint).order_by("-id"))
    failing_since = Lane.objects.values_list("failing_since", flat=True).get(pk=endpoint.pk)
    message_bytes = len(delivery.event.payload.encode())
    return {
        attempt.number: likely_cause(_facts(attempt, endpoint, secrets, since, message_bytes))
        for attempt, since in _with_beginnings(attempts, failing_since)
        if attempt.status == AttemptStatus.FAILED
    }


def causes_of_failures(failures: Sequence[Failure]) -> list[Cause]:
    """The likely cause of each, as the last of its attempts tells it. Two queries, whatever the number."""
    last = Attempt.objects.annotate(message_bytes=Length("delivery__event__payload"))
    attempts: dict[uuid.UUID, Any] = last.in_bulk([failure.attempt_id for failure in failures])
    secrets: defaultdict[uuid.UUID, list[EndpointSecret]] = defaultdict(list)
    endpoints = {failure.endpoint.pk for failure in failures}
    for secret in EndpointSecret.objects.filter(endpoint__in=endpoints).order_by("-id"):
        secrets[secret.endpoint_id].append(secret)
    causes = []
    for failure in failures:
        attempt = attempts.get(failure.attempt_id)
        size = 0 if attempt is None else attempt.message_bytes
        if attempt is None:
            attempt = Attempt(error_code=failure.error_code, response_status=failure.response_status)
        since = min(failure.first_at, failure.endpoint.lane.failing_since or failure.first_at)
        causes.append(likely_cause(_facts(attempt, failure.endpoint, secrets[failure.endpoint.pk], since, size)))
    return causes


def _with_beginnings(
    attempts: Sequence[Attempt], failing_since: dt.datetime | None
) -> Iterator[tuple[Attempt, dt.datetime]]:
    """Each attempt, and when those like it began: before the delivery itself where its endpoint only failed since."""
    first: Attempt | None = None
    for attempt in attempts:
        if first is None:
            first, since = attempt, min(attempt.started_at, failing_since or attempt.started_at)
        elif (attempt.error_code, attempt.response_status) != (first.error_code, first.response_status):
            first, since = attempt, attempt.started_at
        yield attempt, since


def _facts(
    attempt: Attempt,
    endpoint: Endpoint,
    secrets: Sequence[EndpointSecret],
    since: dt.datetime,
    message_bytes: int,
) -> FailureFacts:
    rotated_at = _rotated_at(endpoint, secrets)
    headers = {str(name).lower(): str(value) for name, value in attempt.response_headers or ()}
    return FailureFacts(
        error_code=ErrorCode(attempt.error_code),
        error=attempt.error,
        endpoint=str(endpoint),
        url=endpoint.url,
        timeout=settings.WEBHOOKS_TIMEOUT,
        since=since,
        status=attempt.response_status,
        location=headers.get("location", ""),
        retry_after=headers.get("retry-after", ""),
        response_body=attempt.response_body,
        message_bytes=message_bytes,
        secret_rotated_at=rotated_at,
        old_secret_ended_at=_old_secret_ended_at(secrets, rotated_at, since),
    )


def _rotated_at(endpoint: Endpoint, secrets: Sequence[EndpointSecret]) -> dt.datetime | None:
    """When the current secret took the place of another; None for an endpoint's first, or without one."""
    current = next((secret for secret in secrets if secret.expires_at is None), None)
    if current is None or (len(secrets) == 1 and current.created_at - endpoint.created_at < _MADE_TOGETHER):
        return None
    return current.created_at


def _old_secret_ended_at(
    secrets: Sequence[EndpointSecret], rotated_at: dt.datetime | None, since: dt.datetime
) -> dt.datetime | None:
    """When a secret last stopped to sign before `since`. With an overlap of 0 it is erased at the rotation."""
    if len(secrets) == 1:
        return rotated_at
    ended = [secret.expires_at for secret in secrets if secret.expires_at is not None and secret.expires_at <= since]
    return max(ended, default=None)
