"""The hot statements for SQLite: the same steps, a transaction each.

SQLite has one writer at a time (BEGIN IMMEDIATE), so nothing needs locking or skipping, and the clock of the one
machine that has the file is the database's clock.
"""

import datetime as dt
import json
import math
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from deliveries.engine.lane_rules import retry_share
from deliveries.engine.statements import FAN_OUT_DELIVERIES, Claimed, Expired, FinishedLane, Result, Waiting
from deliveries.engine.statements.sqlite_lanes import claim_lane, finish_lane
from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus, Lane, Turn
from events.catalog.patterns import patterns_matching
from events.models import Event
from switera_webhooks.ids import new_id
from webhooks.models import Endpoint

_FIRST_ID = uuid.UUID(int=0)
_LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class SqliteStatements:
    """See `Statements`."""

    def __init__(self) -> None:
        # The app at which the last fan-out was cut off.
        self._fanned_out_app = _FIRST_ID

    def prepare_connection(self) -> None:
        """Nothing: its planner needs no help."""

    def waiting(self) -> Waiting:
        now = timezone.now()
        due = Lane.objects.filter(Q(first_wake_at__lte=now) | Q(retry_wake_at__lte=now))
        return Waiting(Event.objects.filter(dispatched_at=None).exists(), due.exists())

    def fan_out(self, events: int, deliveries: int = FAN_OUT_DELIVERIES) -> int:
        with transaction.atomic():
            dispatched: list[uuid.UUID] = []
            now = timezone.now()
            woken: set[uuid.UUID] = set()
            endpoints: dict[tuple[uuid.UUID, str], int] = {}
            candidates = _undispatched(events, self._fanned_out_app)
            for event in candidates:
                if deliveries <= 0:
                    break
                self._fanned_out_app = event.app_id
                dispatched.append(event.pk)
                subscribed = [endpoint.pk for endpoint in _destinations(event)]
                # Not those that subscribe: all are looked through for them.
                where = event.app_id, event.environment
                if where not in endpoints:
                    endpoints[where] = Endpoint.objects.filter(
                        app=event.app_id, environment=event.environment, deleted_at=None
                    ).count()
                deliveries -= endpoints[where]
                Delivery.objects.bulk_create(
                    [_delivery(event, endpoint_id, now) for endpoint_id in subscribed], ignore_conflicts=True
                )
                woken.update(subscribed)
            Lane.objects.filter(Q(fresh_from=None) | Q(fresh_from__gt=now), pk__in=woken).update(fresh_from=now)
            Lane.objects.filter(pk__in=woken).update(seq=F("seq") + 1)
            Event.objects.filter(pk__in=dispatched).update(dispatched_at=now)
            if len(dispatched) == len(candidates) < events:
                self._fanned_out_app = _FIRST_ID
        return len(dispatched)

    def claim(
        self,
        limit: int,
        lease_seconds: float,
        passed_over: Sequence[uuid.UUID] = (),
        of_one: int | None = None,
        retry_lanes: int | None = None,
    ) -> list[Claimed]:
        lease = uuid.uuid4()
        claimed: list[uuid.UUID] = []
        retry_lanes = retry_share(limit) if retry_lanes is None else retry_lanes
        with transaction.atomic():
            now = timezone.now()
            for lane, share in _lanes_with_shares(limit, retry_lanes, passed_over, now):
                room = min(share, of_one or limit)
                claimed += claim_lane(lane, room, lease, now, dt.timedelta(seconds=lease_seconds))
            rows = list(
                Delivery.objects.filter(pk__in=claimed)
                .select_related("event", "endpoint__lane")
                .order_by("last_attempt_at")
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
                down=row.tells and row.endpoint.lane.down_since is not None,
                failed_before=row.tells and row.failed_at is not None,
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
            return [finish_lane(lane, by_lane[lane.pk], now) for lane in lanes]

    def expired(self, limit: int) -> list[Expired]:
        rows = Delivery.objects.filter(status=DeliveryStatus.SENDING, leased_until__lt=timezone.now())
        return [
            Expired(row.id, row.lease, row.schedule_position, row.lost_count, row.last_attempt_at, row.leased_until)
            for row in rows.order_by("leased_until")[:limit]
            if row.lease and row.last_attempt_at and row.leased_until
        ]

    def cancel_closed(self) -> int:
        closed = Lane.objects.filter(closed=True).exclude(urgent_from=None, fresh_from=None, retry_from=None)
        if not closed.exists():
            return 0
        with transaction.atomic():
            endpoints = list(closed.values_list("pk", flat=True)[:100])
            canceled = Delivery.objects.filter(endpoint__in=endpoints, status=DeliveryStatus.PENDING).update(
                status=DeliveryStatus.CANCELED, due_at=None
            )
            Lane.objects.filter(pk__in=endpoints).update(
                urgent_from=None, fresh_from=None, retry_from=None, seq=F("seq") + 1
            )
        return canceled

    def recount(self) -> int:
        with transaction.atomic():
            sending = Delivery.objects.filter(status=DeliveryStatus.SENDING).order_by()
            leased = dict(sending.values_list("endpoint").annotate(Count("pk")))
            wrong = [
                lane
                for lane in Lane.objects.filter(Q(in_flight__gt=0) | Q(pk__in=leased))
                if lane.in_flight != leased.get(lane.pk, 0)
            ]
            for lane in wrong:
                lane.in_flight = leased.get(lane.pk, 0)
                lane.save(update_fields=["in_flight"])
        return len(wrong)


def _destinations(event: Event) -> Iterable[Endpoint]:
    """The endpoints of the event's app and environment that were there when it was emitted and subscribe.

    Never the one that the event tells of (S40).
    """
    matching = set(patterns_matching(event.type))
    existing = Endpoint.objects.filter(
        Q(organization=None) | Q(organization=event.organization_id),
        app=event.app_id,
        environment=event.environment,
        deleted_at=None,
        created_at__lte=event.created_at,
    )
    return [
        endpoint
        for endpoint in existing.only("event_types")
        if endpoint.pk != event.about_endpoint_id and matching.intersection(endpoint.event_types)
    ]


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


def _undispatched(events: int, after_app: uuid.UUID) -> list[Event]:
    """The oldest of each app in turn, beginning after that app."""
    waiting = Event.objects.filter(dispatched_at=None)
    by_app = [
        list(waiting.filter(app=app).order_by("id")[:events])
        for app in waiting.order_by("app").values_list("app", flat=True).distinct()
    ]
    in_turn = sorted(
        (turn, event.app_id <= after_app, event.app_id, event.pk, event)
        for own in by_app
        for turn, event in enumerate(own)
    )
    return [event for *_, event in in_turn[:events]]


def _lanes_with_shares(
    limit: int, retry_lanes: int, passed_over: Sequence[uuid.UUID], now: dt.datetime
) -> list[tuple[Lane, int]]:
    """The lanes to look at, and how many deliveries each may give: apps by weight, an app's lanes evenly."""
    lanes = Lane.objects.exclude(pk__in=passed_over).select_related("app")
    # One writer at a time: there is no need to leave lanes to others, so retries come after all first attempts.
    first = list(lanes.filter(first_wake_at__lte=now).order_by("first_wake_at")[:limit])
    retrying = lanes.filter(retry_wake_at__lte=now).exclude(pk__in=[lane.pk for lane in first])
    others = list(retrying.order_by("retry_wake_at")[:retry_lanes])
    found = [*first, *others]
    of_others = max(1, retry_lanes // len(others)) if others else limit
    lanes_of = Counter(lane.app_id for lane in found)
    weights = sum({lane.app_id: lane.app.weight for lane in found}.values())
    # Shares are rounded up: what goes beyond the limit is cut off evenly. A lane that gets nothing is first next time.
    places: dict[uuid.UUID, list[tuple[int, dt.datetime, float, Lane]]] = defaultdict(list)
    for lane in found:
        share = math.ceil(limit * lane.app.weight / weights / lanes_of[lane.app_id])
        for place in range(min(share, lane.cap - lane.in_flight, limit if lane in first else of_others)):
            places[lane.app_id].append((place, lane.claimed_at or _LONG_AGO, random.random(), lane))  # noqa: S311
    in_turn = [
        ((turn + 1) / lane.app.weight, turn, lane)
        for own in places.values()
        for turn, (_, _, _, lane) in enumerate(sorted(own, key=lambda place: place[:3]))
    ]
    shares = Counter(lane.pk for _, _, lane in sorted(in_turn, key=lambda place: place[:2])[:limit])
    return [(lane, shares[lane.pk]) for lane in found if shares[lane.pk]]


_FINISHED_FIELDS = [
    "status",
    "due_at",
    "turn",
    "attempt_count",
    "schedule_position",
    "lost_count",
    "lease",
    "leased_until",
    "response_status",
    "error_code",
    "error",
    "failed_at",
]


def _finish_delivery(delivery: Delivery, result: Result, now: dt.datetime) -> None:
    if result.succeeded:
        delivery.status, delivery.failed_at = DeliveryStatus.SUCCEEDED, None
    elif result.retry_in is None:
        delivery.status, delivery.failed_at = DeliveryStatus.FAILED, now
    else:
        delivery.status = DeliveryStatus.PENDING
        delivery.due_at = now + dt.timedelta(seconds=result.retry_in)
    delivery.turn = Turn.URGENT if delivery.test else Turn.RETRY
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
