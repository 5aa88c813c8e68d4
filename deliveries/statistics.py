"""What the Overview tells of an app and environment, and the list of endpoints of each: read from tallies, not history.

deliveries/tally.py says what is counted, and what `succeeded`, `failed` and `exhausted` mean. Figures are as old as
`as_of` says. Nothing here counts test sends, and everything is of one app and environment (S33, S34).

A period ends with the bucket that is just under way: 24 hours are 48 half hours, 7 days are 84 times two hours.
`before` is the same period just before, of whose last bucket as much is taken as has passed of the one under way, so
that half an hour that has only begun looks like no decline.
"""

import datetime as dt
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from django.db.models import Case, CharField, Count, F, Max, Min, OuterRef, Subquery, Sum, TextField, When
from django.db.models.functions import Cast, Coalesce, ExtractHour, Greatest
from django.utils import timezone

from deliveries.models import (
    AppTally,
    Attempt,
    Delivery,
    DeliveryStatus,
    EndpointTally,
    EventTypeTally,
    FailureTally,
    Turn,
)
from deliveries.response_times import percentile
from deliveries.tally import HALF_HOUR, HOUR, bucket_start, counted_until
from switera_webhooks.ids import made_at
from webhooks.models import App, Endpoint

HOURS = 24
# Deliveries that wait for a retry are counted so far and no further.
WAITING_AT_MOST = 10_000
# The latest failures are looked for in so many rows, each an hour of an endpoint and cause, or ten seconds.
FAILURE_ROWS = 300


class Period(Enum):
    """How far back, and in which steps."""

    DAY = (48, HALF_HOUR)
    WEEK = (84, 2 * HOUR)

    def __init__(self, buckets: int, step: dt.timedelta) -> None:
        self.buckets = buckets
        self.step = step

    @property
    def length(self) -> dt.timedelta:
        return self.buckets * self.step


@dataclass(frozen=True)
class Totals:
    """Sums of a period. `succeeded` and `failed` are attempts; `exhausted` those that were a delivery's last."""

    events: int
    deliveries: int
    succeeded: int
    failed: int
    exhausted: int
    # Milliseconds, exact up to 12, within 1 ms or 5 % above; None without answers.
    p50_ms: int | None
    p95_ms: int | None

    @property
    def success_rate(self) -> float | None:
        return _rate(self.succeeded, self.failed)


@dataclass(frozen=True)
class Point:
    """A step of a period."""

    start: dt.datetime
    deliveries: int
    succeeded: int
    failed: int

    @property
    def error_rate(self) -> float | None:
        """From 0 to 1, of attempts; None where none was made."""
        return _rate(self.failed, self.succeeded)


@dataclass(frozen=True)
class OutcomeCount:
    """Attempts that got that response status (None: none), and failed for that reason (empty: they succeeded)."""

    response_status: int | None
    error_code: str
    attempts: int


@dataclass(frozen=True)
class EventTypeCount:
    event_type: str
    events: int
    deliveries: int
    succeeded: int
    failed: int

    @property
    def success_rate(self) -> float | None:
        return _rate(self.succeeded, self.failed)


@dataclass(frozen=True)
class Traffic:
    """A period of an app and environment."""

    period: Period
    since: dt.datetime
    # Counted until then; None where nothing has been counted yet.
    as_of: dt.datetime | None
    totals: Totals
    before: Totals
    # Oldest first, one for every step of the period.
    points: tuple[Point, ...]
    # Most attempts first.
    outcomes: tuple[OutcomeCount, ...]
    # Most deliveries first.
    event_types: tuple[EventTypeCount, ...]


@dataclass(frozen=True)
class WaitingForRetry:
    """Deliveries that failed and are tried again by themselves, of enabled endpoints; as of now, not of `as_of`."""

    count: int
    # There are more than WAITING_AT_MOST: `count` is that, and the moments are those of the ones counted.
    capped: bool
    # When the oldest of them was made, and when the first of them goes out: later than it is due where the endpoint's
    # circuit breaker or pause says so.
    oldest_at: dt.datetime | None
    next_at: dt.datetime | None


@dataclass(frozen=True)
class Failure:
    """Attempts of the last 24 hours that failed at one endpoint, which has its lane loaded, for one cause."""

    endpoint: Endpoint
    response_status: int | None
    error_code: str
    attempts: int
    first_at: dt.datetime
    last_at: dt.datetime
    # The last of these attempts, and its delivery; None where retention has deleted it.
    attempt_id: uuid.UUID
    delivery_id: uuid.UUID | None


@dataclass(frozen=True)
class EndpointTraffic:
    """An endpoint's last 24 hours: this one and the 23 before it."""

    # Oldest first, 24 of them.
    hours: tuple[Point, ...]
    deliveries: int
    succeeded: int
    failed: int
    # The newest, whatever became of it.
    last_delivery: Delivery | None

    @property
    def success_rate(self) -> float | None:
        return _rate(self.succeeded, self.failed)


def relative_change(now: float | None, before: float | None) -> float | None:
    """0.06 where it is 6 % more than before; None where there is nothing to compare with."""
    return None if now is None or not before else now / before - 1


def traffic(app: App, environment: str, period: Period) -> Traffic:
    """Three statements, which read some 1,500 rows and those of the app's event types."""
    as_of = counted_until()
    now = timezone.now()
    current = bucket_start(now, period.step)
    since = current - (period.buckets - 1) * period.step
    sums: defaultdict[dt.datetime, _Sum] = defaultdict(_Sum)
    tallies = AppTally.objects.filter(app=app, environment=environment, start__gte=since - period.length)
    rows = list(tallies.values_list("start", *_Sum.NUMBERS, *(Cast(name, TextField()) for name in _Sum.SPREADS)))
    # Read as one document: each by itself takes twice as long.
    spreads = iter(json.loads(f"[{','.join(text for row in rows for text in row[-2:])}]"))
    for start, *numbers, _, _ in rows:
        sums[bucket_start(start, period.step)].add(numbers, outcomes=next(spreads), response_times=next(spreads))
    # Where counting lags, as much has passed as is counted.
    passed = min(1.0, max(0.0, ((as_of or now) - current) / period.step))
    steps = [since + number * period.step for number in range(period.buckets)]
    total, before = _Sum(), _Sum()
    for step in steps:
        total.add_sum(sums[step])
        earlier = step - period.length
        before.add_sum(sums[earlier], passed if step == current else 1.0)
    return Traffic(
        period=period,
        since=since,
        as_of=as_of,
        totals=total.totals(),
        before=before.totals(),
        points=tuple(sums[step].point(step) for step in steps),
        outcomes=total.outcomes_told(),
        event_types=_event_types(app, environment, since),
    )


class _Sum:
    """Rows of AppTally added up."""

    NUMBERS = ("events", "deliveries", "succeeded", "failed", "exhausted")
    SPREADS = ("outcomes", "response_times")

    def __init__(self) -> None:
        self.numbers: Counter[str] = Counter()
        # Of each row, and added up at the end: only the period as a whole is asked for them.
        self.outcomes: list[Mapping[str, int]] = []
        self.response_times: list[Mapping[str, int]] = []

    def add(self, numbers: Sequence[int], *, outcomes: Mapping[str, int], response_times: Mapping[str, int]) -> None:
        self.numbers.update(dict(zip(self.NUMBERS, numbers, strict=True)))
        self.outcomes.append(outcomes)
        self.response_times.append(response_times)

    def add_sum(self, other: "_Sum", share: float = 1.0) -> None:
        """Numbers are taken by their share; times and outcomes whole, since only how they are spread is told."""
        self.numbers.update({name: round(number * share) for name, number in other.numbers.items()})
        self.outcomes += other.outcomes
        self.response_times += other.response_times

    def totals(self) -> Totals:
        classes = {int(name): attempts for name, attempts in _added_up(self.response_times).items()}
        p50, p95 = percentile(classes, 0.5), percentile(classes, 0.95)
        return Totals(**{name: self.numbers[name] for name in self.NUMBERS}, p50_ms=p50, p95_ms=p95)

    def point(self, start: dt.datetime) -> Point:
        return Point(start, self.numbers["deliveries"], self.numbers["succeeded"], self.numbers["failed"])

    def outcomes_told(self) -> tuple[OutcomeCount, ...]:
        told = []
        for text, attempts in _added_up(self.outcomes).items():
            status, _, code = text.partition(":")
            told.append(OutcomeCount(int(status) if status else None, code, attempts))
        return tuple(sorted(told, key=lambda one: (-one.attempts, one.response_status or 0, one.error_code)))


def _added_up(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _event_types(app: App, environment: str, since: dt.datetime) -> tuple[EventTypeCount, ...]:
    rows = EventTypeTally.objects.filter(app=app, environment=environment, start__gte=since)
    sums = rows.order_by().values_list("event_type").annotate(*(Sum(name) for name in EventTypeTally.COUNTS))
    counts = [EventTypeCount(*row) for row in sums]
    return tuple(sorted(counts, key=lambda one: (-one.deliveries, -one.events, one.event_type)))


def event_type_traffic(app: App, environment: str, event_type: str, period: Period) -> EventTypeCount:
    """What came of one event type. One statement, which reads that type's rows of the period."""
    since = bucket_start(timezone.now(), period.step) - (period.buckets - 1) * period.step
    rows = EventTypeTally.objects.filter(
        app=app, environment=environment, event_type=event_type, start__gte=since
    ).order_by()
    sums = rows.aggregate(**{name: Coalesce(Sum(name), 0) for name in EventTypeTally.COUNTS})
    return EventTypeCount(event_type, **sums)


def waiting_for_retry(app: App, environment: str) -> WaitingForRetry:
    """One statement; reads WAITING_AT_MOST rows at most, by the index of what is due on each endpoint."""
    waiting = Delivery.objects.filter(
        # Those of retries by hand, and the others. First attempts are not looked through.
        turn__in=(Turn.URGENT, Turn.RETRY),
        status=DeliveryStatus.PENDING,
        attempt_count__gt=0,
        test=False,
        endpoint__in=Endpoint.objects.in_scope(app, environment).filter(disabled_at=None),
    ).order_by()
    postponed = (Coalesce(F(f"endpoint__lane__{name}"), F("due_at")) for name in ("open_until", "paused_until"))
    # What a person tries again goes out in spite of breaker and pause.
    goes_at = Case(When(turn=Turn.URGENT, then=F("due_at")), default=Greatest(F("due_at"), *postponed))
    rows = waiting.annotate(goes_at=goes_at)[: WAITING_AT_MOST + 1]
    told = rows.aggregate(count=Count("pk"), oldest_at=Min("created_at"), next_at=Min("goes_at"))
    count = told.pop("count")
    return WaitingForRetry(count=min(count, WAITING_AT_MOST), capped=count > WAITING_AT_MOST, **told)


# Of an hour without traffic, in the order of EndpointTally.COUNTS.
_NOTHING = (0, 0, 0)


class _Cause(NamedTuple):
    endpoint: uuid.UUID
    # 0 for none.
    response_status: int
    error_code: str


_CAUSE = ("endpoint_id", "response_status", "error_code")


def latest_failures(app: App, environment: str, limit: int) -> list[Failure]:
    """The causes that failed last, newest first; deleted endpoints are left out. Four statements.

    Which they are is looked for in the newest FAILURE_ROWS rows; what is told of them is of all 24 hours.
    """
    since = bucket_start(timezone.now(), HOUR) - (HOURS - 1) * HOUR
    rows = FailureTally.objects.filter(app=app, environment=environment, endpoint__deleted_at=None, start__gte=since)
    latest: dict[_Cause, uuid.UUID] = {}
    for *key, attempt in rows.order_by("-start").values_list(*_CAUSE, "last_attempt")[:FAILURE_ROWS]:
        cause = _Cause(*key)
        latest[cause] = max(attempt, latest.get(cause, attempt))
    causes = sorted(latest, key=lambda cause: latest[cause], reverse=True)[:limit]
    # Ids as text, of which both databases know the least.
    first, last = (Cast(name, CharField()) for name in ("first_attempt", "last_attempt"))
    sums = (
        rows.filter(endpoint__in={cause.endpoint for cause in causes})
        .order_by()
        .values_list(*_CAUSE)
        .annotate(attempts_in_all=Sum("attempts"), first=Min(first), last=Max(last))
    )
    told = {_Cause(*key): (attempts, uuid.UUID(one), uuid.UUID(other)) for *key, attempts, one, other in sums}
    mine = Endpoint.objects.in_scope(app, environment).select_related("lane")
    endpoints = mine.in_bulk({cause.endpoint for cause in causes})
    deliveries = dict(
        Attempt.objects.filter(pk__in=[last_attempt for _, _, last_attempt in told.values()]).values_list(
            "pk", "delivery_id"
        )
    )
    failures = []
    for cause in causes:
        # Deleted or counted anew meanwhile: it comes with the next look.
        if cause.endpoint not in endpoints or cause not in told:
            continue
        attempts, first_attempt, last_attempt = told[cause]
        failures.append(
            Failure(
                endpoint=endpoints[cause.endpoint],
                response_status=cause.response_status or None,
                error_code=cause.error_code,
                attempts=attempts,
                first_at=made_at(first_attempt),
                last_at=made_at(last_attempt),
                attempt_id=last_attempt,
                delivery_id=deliveries.get(last_attempt),
            )
        )
    return failures


def endpoint_traffic(app: App, environment: str, endpoints: Sequence[Endpoint]) -> Mapping[uuid.UUID, EndpointTraffic]:
    """By endpoint id, of those given that are of the app and environment: a page of them. Three statements."""
    current = bucket_start(timezone.now(), HOUR)
    since = current - (HOURS - 1) * HOUR
    newest = Delivery.objects.filter(endpoint=OuterRef("pk"), test=False).order_by("-id").values("pk")[:1]
    mine = Endpoint.objects.in_scope(app, environment).filter(pk__in=[endpoint.pk for endpoint in endpoints])
    newest_of = dict(mine.annotate(newest=Subquery(newest)).values_list("pk", "newest"))
    last = Delivery.objects.in_bulk([key for key in newest_of.values() if key is not None])
    sums = (
        EndpointTally.objects.filter(endpoint__in=list(newest_of), start__gte=since)
        .order_by()
        # In 24 hours each hour comes once, and a number is read faster than a time.
        .values_list("endpoint_id", ExtractHour("start", tzinfo=dt.UTC))
        .annotate(*(Sum(name) for name in EndpointTally.COUNTS))
    )
    figures: defaultdict[uuid.UUID, dict[int, Sequence[int]]] = defaultdict(dict)
    for endpoint, hour, *counts in sums:
        figures[endpoint][hour] = counts
    starts = [since + number * HOUR for number in range(HOURS)]
    told: dict[uuid.UUID, EndpointTraffic] = {}
    for endpoint, key in newest_of.items():
        counted = figures[endpoint]
        deliveries, succeeded, failed = (sum(column) for column in zip(_NOTHING, *counted.values(), strict=True))
        told[endpoint] = EndpointTraffic(
            hours=tuple(Point(start, *counted.get(start.hour, _NOTHING)) for start in starts),
            deliveries=deliveries,
            succeeded=succeeded,
            failed=failed,
            last_delivery=last.get(key) if key else None,
        )
    return told


def _rate(these: int, others: int) -> float | None:
    """From 0 to 1; None of nothing."""
    return these / (these + others) if these + others else None
