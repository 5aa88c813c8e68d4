"""Recording results, and telling of the deliveries that failed for good or recovered: both or neither (S40).

The events are `webhook.delivery.failed` and `.recovered`; docs/decisions says when there is one. Most batches can have
none, which the results themselves show: those are recorded by their one statement, without a transaction around it.
"""

import datetime as dt
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max, Min
from django.utils import timezone

from deliveries.engine.statements import FinishedLane, Result, statements
from deliveries.models import Attempt, Delivery
from events.emit import EmitRequest
from events.sources.emitting import emit_all_built_in
from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.times import iso

logger = logging.getLogger(__name__)

# A first attempt that succeeds ends a moment of failures that nobody was told of; after so long it is a recovery.
TOLD_AFTER = dt.timedelta(minutes=1)


def record(results: Sequence[Result]) -> list[FinishedLane]:
    """Record them, all or nothing, with the events that follow; see `Statements.finish`."""
    if not any(result.may_be_told for result in results):
        return statements().finish(results)
    with transaction.atomic():
        lanes = statements().finish(results)
        if any(lane.exhausted or lane.recovered for lane in lanes):
            _tell_if_possible(lanes, {result.delivery_id for result in results if result.failed_before})
    return lanes


def _tell_if_possible(lanes: Sequence[FinishedLane], failed_before: set[uuid.UUID]) -> None:
    """An event that cannot be made must not undo the results: they would be sent again."""
    try:
        with transaction.atomic():
            _tell(lanes, failed_before)
    except (OperationalError, InterfaceError):
        raise  # recorded and told once the database takes it
    except Exception:
        logger.exception("Deliveries failed for good or recovered, and no event tells of it")


@dataclass(frozen=True)
class _Attempts:
    first: dt.datetime
    last: dt.datetime


def _tell(lanes: Sequence[FinishedLane], failed_before: set[uuid.UUID]) -> None:
    keys = [key for lane in lanes for key in (*lane.exhausted, *lane.recovered)]
    deliveries = {row.pk: row for row in Delivery.objects.filter(pk__in=keys).select_related("app", "endpoint")}
    attempts = {
        key: _Attempts(first, last)
        for key, first, last in Attempt.objects.filter(delivery__in=keys)
        .values("delivery")
        .annotate(first=Min("started_at"), last=Max("started_at"))
        .values_list("delivery", "first", "last")
    }
    requests: defaultdict[tuple[uuid.UUID, str], list[EmitRequest]] = defaultdict(list)
    for lane in lanes:
        for key in lane.exhausted:
            one = deliveries[key]
            requests[one.app_id, one.environment].append(_failed(one, attempts[key]))
        for one in _worth_telling(lane, [deliveries[key] for key in lane.recovered], failed_before):
            failing_since = lane.down_since or attempts[one.pk].first
            requests[one.app_id, one.environment].append(_recovered(one, failing_since))
    apps = {row.app_id: row.app for row in deliveries.values()}
    for (app, environment), of_app in requests.items():
        emit_all_built_in(apps[app], of_app, environment=environment)


def _worth_telling(
    lane: FinishedLane, recovered: Sequence[Delivery], failed_before: set[uuid.UUID]
) -> Iterator[Delivery]:
    """Each delivery that had failed for good; else one that says that its endpoint works again."""
    told = [one for one in recovered if one.pk in failed_before]
    yield from told
    if lane.down_since is not None and recovered and not told:
        longest = max(recovered, key=lambda one: one.attempt_count)
        if longest.attempt_count > 1 or timezone.now() - lane.down_since >= TOLD_AFTER:
            yield longest


def _failed(delivery: Delivery, attempts: _Attempts) -> EmitRequest:
    data = {
        **_about(delivery),
        "last_status_code": delivery.response_status,
        "last_error": delivery.error_code,
        "first_attempt_at": iso(attempts.first),
        "last_attempt_at": iso(attempts.last),
    }
    return EmitRequest("webhook.delivery.failed", data, organization_id=delivery.endpoint.organization_id)


def _recovered(delivery: Delivery, failing_since: dt.datetime) -> EmitRequest:
    data = {**_about(delivery), "failing_since": iso(failing_since)}
    return EmitRequest("webhook.delivery.recovered", data, organization_id=delivery.endpoint.organization_id)


def _about(delivery: Delivery) -> dict[str, object]:
    return {
        "delivery_id": delivery.public_id,
        "event_id": to_public_id(Prefix.EVENT, delivery.event_id),
        "event_type": delivery.event_type,
        "endpoint_id": to_public_id(Prefix.ENDPOINT, delivery.endpoint_id),
        "attempts": delivery.attempt_count,
    }
