"""The hot statements for SQLite: the same steps, a transaction each.

SQLite has one writer at a time (BEGIN IMMEDIATE), so nothing needs locking or skipping, and the clock of the one
machine that has the file is the database's clock.
"""

import datetime as dt
import json
import math
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from deliveries.engine.statements import Claimed, Expired, FinishedLane, Result, Waiting
from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus, Lane
from events.catalog.patterns import patterns_matching
from events.models import Event
from switera_webhooks.ids import new_id
from webhooks.models import Endpoint


class SqliteStatements:
    """See `Statements`."""

    def prepare_connection(self) -> None:
        """Nothing: its planner needs no help."""

    def waiting(self) -> Waiting:
        return Waiting(Event.objects.filter(dispatched_at=None).exists(), _due_lanes(timezone.now()).exists())

    def fan_out(self, events: int) -> int:
        with transaction.atomic():
            undispatched = list(Event.objects.filter(dispatched_at=None).order_by("id")[:events])
            now = timezone.now()
            woken: set[uuid.UUID] = set()
            for event in undispatched:
                subscribed = [endpoint.pk for endpoint in _destinations(event)]
                Delivery.objects.bulk_create(
                    [_delivery(event, endpoint_id, now) for endpoint_id in subscribed], ignore_conflicts=True
                )
                woken.update(subscribed)
            Lane.objects.filter(Q(wake_at=None) | Q(wake_at__gt=now), pk__in=woken).update(wake_at=now)
            Lane.objects.filter(pk__in=woken).update(seq=F("seq") + 1)
            Event.objects.filter(pk__in=[event.pk for event in undispatched]).update(dispatched_at=now)
        return len(undispatched)

    def claim(self, limit: int, lease_seconds: float) -> list[Claimed]:
        lease = uuid.uuid4()
        claimed: list[uuid.UUID] = []
        with transaction.atomic():
            now = timezone.now()
            lanes = list(_due_lanes(now).order_by("wake_at")[:limit])
            for lane in lanes:
                share = min(math.ceil(limit / len(lanes)), limit - len(claimed))
                claimed += _claim_lane(lane, share, lease, now, now + dt.timedelta(seconds=lease_seconds))
            rows = list(
                Delivery.objects.filter(pk__in=claimed).select_related("event", "endpoint").order_by("last_attempt_at")
            )
        return [
            Claimed(
                row.id,
                lease,
                row.endpoint_id,
                row.endpoint.version,
                row.app_id,
                row.event_id,
                row.event_type,
                row.attempt_count,
                row.schedule_position,
                row.event.payload,
            )
            for row in rows
        ]

    def finish(self, results: Sequence[Result]) -> list[FinishedLane]:
        with transaction.atomic():
            now = timezone.now()
            by_lane: dict[uuid.UUID, list[tuple[Delivery, Result]]] = defaultdict(list)
            held = {
                (row.pk, row.lease): row for row in Delivery.objects.filter(pk__in=[r.delivery_id for r in results])
            }
            for result in results:
                delivery = held.get((result.delivery_id, result.lease))
                if delivery is not None:
                    _finish_delivery(delivery, result, now)
                    by_lane[delivery.endpoint_id].append((delivery, result))
            finished = [pair for pairs in by_lane.values() for pair in pairs]
            Delivery.objects.bulk_update([delivery for delivery, _ in finished], _FINISHED_FIELDS)
            Attempt.objects.bulk_create([_attempt(delivery, result) for delivery, result in finished])
            lanes = Lane.objects.filter(pk__in=by_lane)
            return [_finish_lane(lane, by_lane[lane.pk], now) for lane in lanes]

    def expired(self, limit: int) -> list[Expired]:
        rows = Delivery.objects.filter(status=DeliveryStatus.SENDING, leased_until__lt=timezone.now())
        return [
            Expired(row.id, row.lease, row.schedule_position, row.lost_count, row.last_attempt_at, row.leased_until)
            for row in rows.order_by("leased_until")[:limit]
            if row.lease and row.last_attempt_at and row.leased_until
        ]

    def cancel_closed(self) -> int:
        closed = Lane.objects.filter(closed=True, wake_at__isnull=False)
        if not closed.exists():
            return 0
        with transaction.atomic():
            endpoints = list(closed.values_list("pk", flat=True)[:100])
            canceled = Delivery.objects.filter(endpoint__in=endpoints, status=DeliveryStatus.PENDING).update(
                status=DeliveryStatus.CANCELED, due_at=None
            )
            Lane.objects.filter(pk__in=endpoints).update(wake_at=None, seq=F("seq") + 1)
        return canceled


def _destinations(event: Event) -> Iterable[Endpoint]:
    """The endpoints of the event's app and environment that were there when it was emitted and subscribe."""
    matching = set(patterns_matching(event.type))
    existing = Endpoint.objects.filter(
        Q(organization=None) | Q(organization=event.organization_id),
        app=event.app_id,
        environment=event.environment,
        deleted_at=None,
        created_at__lte=event.created_at,
    )
    return [endpoint for endpoint in existing.only("event_types") if matching.intersection(endpoint.event_types)]


def _delivery(event: Event, endpoint_id: uuid.UUID, now: dt.datetime) -> Delivery:
    return Delivery(
        event=event,
        endpoint_id=endpoint_id,
        app_id=event.app_id,
        environment=event.environment,
        event_type=event.type,
        test=event.test,
        due_at=now,
        created_at=now,
    )


def _due_lanes(now: dt.datetime) -> QuerySet[Lane]:
    return Lane.objects.filter(wake_at__lte=now, in_flight__lt=F("cap"), closed=False)


def _claim_lane(
    lane: Lane, share: int, lease: uuid.UUID, now: dt.datetime, leased_until: dt.datetime
) -> list[uuid.UUID]:
    """Lease the lane's oldest due deliveries and say when it is to be looked at next."""
    tokens = _tokens(lane, now)
    room = min(lane.cap - lane.in_flight, share, math.floor(tokens) if tokens is not None else share)
    waiting = Delivery.objects.filter(endpoint=lane.pk, status=DeliveryStatus.PENDING)
    if lane.held:
        waiting = waiting.filter(test=True)
    rows = list(waiting.order_by("due_at").values_list("id", "due_at")[: room + 1])
    taken = [key for key, due_at in rows[:room] if due_at is not None and due_at <= now]
    Delivery.objects.filter(pk__in=taken).update(
        status=DeliveryStatus.SENDING, lease=lease, leased_until=leased_until, due_at=None, last_attempt_at=now
    )
    next_due = rows[len(taken)][1] if len(rows) > len(taken) else None
    lane.wake_at = None if next_due is None else max(next_due, now)
    lane.tokens_at = None
    if tokens is not None and lane.rate is not None:
        lane.tokens, lane.tokens_at = tokens - len(taken), now
        if lane.wake_at is not None and lane.tokens < 1:
            lane.wake_at = max(lane.wake_at, now + dt.timedelta(seconds=(1 - lane.tokens) / lane.rate))
    lane.in_flight += len(taken)
    lane.seq += 1
    lane.save(update_fields=["wake_at", "tokens", "tokens_at", "in_flight", "seq"])
    return taken


def _tokens(lane: Lane, now: dt.datetime) -> float | None:
    """Tokens in the lane's bucket, which holds a second's worth; None without a rate."""
    if lane.rate is None:
        return None
    full = max(lane.rate, 1.0)
    if lane.tokens_at is None:
        return full
    return min(full, lane.tokens + lane.rate * (now - lane.tokens_at).total_seconds())


_FINISHED_FIELDS = [
    "status",
    "due_at",
    "attempt_count",
    "schedule_position",
    "lost_count",
    "lease",
    "leased_until",
    "response_status",
    "error_code",
    "error",
]


def _finish_delivery(delivery: Delivery, result: Result, now: dt.datetime) -> None:
    if result.succeeded:
        delivery.status = DeliveryStatus.SUCCEEDED
    elif result.retry_in is None:
        delivery.status = DeliveryStatus.FAILED
    else:
        delivery.status = DeliveryStatus.PENDING
        delivery.due_at = now + dt.timedelta(seconds=result.retry_in)
    delivery.attempt_count += 1
    delivery.schedule_position = result.schedule_position
    delivery.lost_count = result.lost_count
    delivery.lease = delivery.leased_until = None
    delivery.response_status = result.response_status
    delivery.error_code = result.error_code
    delivery.error = result.error


def _attempt(delivery: Delivery, result: Result) -> Attempt:
    return Attempt(
        id=new_id(),
        delivery=delivery,
        number=delivery.attempt_count,
        status=AttemptStatus.SUCCEEDED if result.succeeded else AttemptStatus.FAILED,
        started_at=result.started_at,
        duration_ms=result.duration_ms,
        response_status=result.response_status,
        response_headers=json.loads(result.response_headers) if result.response_headers else None,
        response_body=result.response_body,
        response_truncated=result.response_truncated,
        error_code=result.error_code,
        error=result.error,
    )


def _finish_lane(lane: Lane, finished: Sequence[tuple[Delivery, Result]], now: dt.datetime) -> FinishedLane:
    """Give the slots back, wake the lane for the next retry, and keep the facts that health reads."""
    due = [delivery.due_at for delivery, _ in finished if delivery.due_at is not None]
    if due:
        lane.wake_at = min([*due, *([lane.wake_at] if lane.wake_at else [])])
        lane.seq += 1
    lane.in_flight -= len(finished)
    if any(result.succeeded and not delivery.test for delivery, result in finished):
        lane.last_success_at = now
    if any(result.succeeded and delivery.test for delivery, result in finished):
        lane.last_test_success_at = now
    if any(delivery.status == DeliveryStatus.FAILED for delivery, _ in finished):
        lane.last_exhausted_at = now
    if any(result.succeeded for _, result in finished):
        lane.failing_since = None
    elif lane.failing_since is None and any(
        not delivery.test and result.error_code != "worker_lost" for delivery, result in finished
    ):
        lane.failing_since = now
    lane.save()
    return FinishedLane(lane.pk, len(finished), lane.failing_since)
