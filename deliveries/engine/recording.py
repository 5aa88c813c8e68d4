"""Recording results, and telling of the deliveries that failed for good or recovered: both or neither (S40).

The events are `webhook.delivery.failed` and `.recovered`; docs/decisions says when there is one. Most batches can have
none, which the results themselves show: those are recorded by their one statement, without a transaction around it.
"""

import datetime as dt
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max, Min
from django.utils import timezone

from deliveries.engine.statements import FinishedLane, Result, statements
from deliveries.models import Attempt, Delivery
from events.emit import MAX_BATCH, EmitRequest
from events.sources.emitting import emit_all_built_in
from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.times import iso
from webhooks.models import App

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
    except Exception:  # whatever it is: undoing the results would have them sent again
        logger.exception("Deliveries failed for good or recovered, and no event tells of it")


class _Told(NamedTuple):
    """What is told of a delivery: rows of all models involved take three times as long to make."""

    id: uuid.UUID
    app_id: uuid.UUID
    environment: str
    event_id: uuid.UUID
    event_type: str
    endpoint_id: uuid.UUID
    attempt_count: int
    response_status: int | None
    error_code: str
    organization_id: uuid.UUID | None


_COLUMNS = [*(name for name in _Told._fields if name != "organization_id"), "endpoint__organization_id"]


class _Attempts(NamedTuple):
    first: dt.datetime
    last: dt.datetime


def _tell(lanes: Sequence[FinishedLane], failed_before: set[uuid.UUID]) -> None:
    keys = [key for lane in lanes for key in (*lane.exhausted, *lane.recovered)]
    rows = [_Told(*row) for row in Delivery.objects.filter(pk__in=keys).values_list(*_COLUMNS)]
    deliveries = {row.id: row for row in rows}
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
            failing_since = lane.down_since or attempts[one.id].first
            requests[one.app_id, one.environment].append(_recovered(one, failing_since))
    apps = App.objects.in_bulk({row.app_id for row in rows})
    for (app, environment), of_app in requests.items():
        # A process may have more in flight than a batch of events holds, and all of it may end at once.
        for start in range(0, len(of_app), MAX_BATCH):
            emit_all_built_in(apps[app], of_app[start : start + MAX_BATCH], environment=environment)


def _worth_telling(lane: FinishedLane, recovered: Sequence[_Told], failed_before: set[uuid.UUID]) -> Iterator[_Told]:
    """Each delivery that had failed for good; else one that says that its endpoint works again."""
    told = [one for one in recovered if one.id in failed_before]
    yield from told
    if lane.down_since is not None and recovered and not told:
        longest = max(recovered, key=lambda one: one.attempt_count)
        if longest.attempt_count > 1 or timezone.now() - lane.down_since >= TOLD_AFTER:
            yield longest


def _failed(delivery: _Told, attempts: _Attempts) -> EmitRequest:
    data = {
        **_about(delivery),
        "last_status_code": delivery.response_status,
        "last_error": delivery.error_code,
        "first_attempt_at": iso(attempts.first),
        "last_attempt_at": iso(attempts.last),
    }
    return EmitRequest("webhook.delivery.failed", data, organization_id=delivery.organization_id)


def _recovered(delivery: _Told, failing_since: dt.datetime) -> EmitRequest:
    data = {**_about(delivery), "failing_since": iso(failing_since)}
    return EmitRequest("webhook.delivery.recovered", data, organization_id=delivery.organization_id)


def _about(delivery: _Told) -> dict[str, object]:
    return {
        "delivery_id": to_public_id(Prefix.DELIVERY, delivery.id),
        "event_id": to_public_id(Prefix.EVENT, delivery.event_id),
        "event_type": delivery.event_type,
        "endpoint_id": to_public_id(Prefix.ENDPOINT, delivery.endpoint_id),
        "attempts": delivery.attempt_count,
    }
