"""Counting real traffic into the tallies (deliveries/models/tally.py), beside the engine and out of its way.

What is counted, test sends left out, each at the moment in its UUIDv7:

- an event when it is emitted (by the emitter's clock), a delivery when it is made (the database's);
- an attempt when it is recorded (the worker's clock): `succeeded`, or `failed` whether or not it is tried again. An
  attempt that succeeds ends its delivery, so `succeeded` are deliveries too;
- `exhausted`, a failed attempt that was its delivery's last: the delivery has failed for good. It is so as it stands
  when it is counted: one that a person tries again before that is not exhausted.

Ids sort by time, so what is new is a range of the primary key: no index of its own, nothing for claims and finishes to
keep. Each row is read twice.

1. Ten seconds at a time, as soon as they are over, into slices. The pages are so 2 to 22 seconds old, and say so.
2. A minute at a time, when it is five minutes old: counted once more from the rows themselves, added to the settled
   bucket, and its slices removed. By then what came late is there: an event whose transaction took minutes, an attempt
   of a worker whose clock is slow. What is later than that is never counted.

After a time without a scheduler, whatever is older than five minutes is settled at once, up to half an hour at a time.

Reading comes first and locks nothing, nor does it keep a writer of SQLite waiting. What was found is written in a
transaction of its own, together with how far counting has come, by an UPDATE that names how far it had come before. So
a run that is cut short has changed nothing, and of two that counted the same one writes.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import CharField, Count, F, Max, Min, Model, Q, QuerySet
from django.db.models.functions import Cast

from deliveries.models import (
    AppTally,
    Attempt,
    AttemptStatus,
    Delivery,
    DeliveryStatus,
    EndpointTally,
    EventTypeTally,
    FailureTally,
    TallyProgress,
)
from deliveries.models.tally import Tally
from deliveries.response_times import time_class
from events.models import Event
from switera_webhooks.database import database_now, whole_tables_left_alone
from switera_webhooks.ids import first_id_at, made_at

SLICE = dt.timedelta(seconds=10)
MINUTE = dt.timedelta(minutes=1)
HALF_HOUR = dt.timedelta(minutes=30)
HOUR = dt.timedelta(hours=1)
# What is being recorded right now has its id already.
BEHIND = dt.timedelta(seconds=2)
SETTLED_AFTER = dt.timedelta(minutes=5)
# After a time without a scheduler: so many attempts at once, though never less than a minute's.
ATTEMPTS_AT_ONCE = 100_000
# How long rows are kept: two periods of seven days and some, or one of 24 hours.
KEPT: dict[type[Tally], dt.timedelta] = {
    AppTally: dt.timedelta(days=15),
    EventTypeTally: dt.timedelta(days=15),
    EndpointTally: dt.timedelta(days=2),
    FailureTally: dt.timedelta(days=2),
}
TALLIES = tuple(KEPT)
# Rows looked up, written or deleted by one statement: SQLite takes no more than some 32,000 values.
ROWS_AT_ONCE = 1_000

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_Row = TypeVar("_Row", bound=Model)
_Tally = TypeVar("_Tally", bound=Tally)


def bucket_start(moment: dt.datetime, length: dt.timedelta) -> dt.datetime:
    """When the bucket of that length began that holds the moment."""
    return moment - (moment - _EPOCH) % length


def counted_until() -> dt.datetime | None:
    """The moment that the tallies tell of; None where nothing was counted yet."""
    return TallyProgress.objects.values_list("counted_until", flat=True).first()


def count_traffic(enough: Callable[[], bool] = lambda: False) -> bool:
    """Count what has come since, piece by piece, until all is or `enough` says so after one; whether there is more.

    A piece is three reads and a short transaction, whatever it holds, and two writes for every thousand rows it fills.
    """
    while (piece := _next_piece(database_now())) is not None:
        if not _write(piece, _Counted(piece)):  # another runner is at it
            return False
        if enough():
            return True
    return False


def prune_tallies(enough: Callable[[], bool] = lambda: False) -> bool:
    """Delete what no page shows any more, a batch a statement; whether `enough` ended it before all was gone."""
    now = database_now()
    for model, kept in KEPT.items():
        # By id: the oldest rows come first, and no index by time is kept for this.
        old = model._default_manager.filter(start__lt=now - kept).order_by("id").values_list("id", flat=True)
        while ids := list(old[:ROWS_AT_ONCE]):
            model._default_manager.filter(pk__in=ids).delete()
            if enough():
                return True
    return False


@dataclass(frozen=True)
class _Piece:
    """A range of time within one half hour, both ends at whole slices: to be settled, or to become a slice."""

    progress: TallyProgress
    begin: dt.datetime
    end: dt.datetime
    settles: bool

    def of(self, model: type[_Row], path: str = "") -> QuerySet[_Row]:
        """Real rows of this range by their primary key; `path` leads to what tells test sends."""
        ids = {"id__gte": first_id_at(self.begin), "id__lt": first_id_at(self.end)}
        return model._default_manager.filter(**ids, **{f"{path}test": False}).order_by()

    @property
    def slice(self) -> int:
        return 0 if self.settles else int(self.begin.timestamp())


def _next_piece(now: dt.datetime) -> _Piece | None:
    progress = TallyProgress.objects.first() or _begin(now)
    begin, settle_until = progress.settled_until, bucket_start(now - SETTLED_AFTER, MINUTE)
    if begin < settle_until:
        return _Piece(progress, begin, _settle_end(begin, settle_until), settles=True)
    begin = progress.counted_until
    if begin + SLICE <= now - BEHIND:
        return _Piece(progress, begin, begin + SLICE, settles=False)
    return None


def _begin(now: dt.datetime) -> TallyProgress:
    """The first time: from the oldest event on, or from when pages look back to."""
    start = bucket_start(now - SETTLED_AFTER, MINUTE)
    oldest = Event.objects.order_by("id").values_list("id", flat=True).first()
    if oldest is not None:
        start = min(start, bucket_start(max(made_at(oldest), now - max(KEPT.values())), HALF_HOUR))
    # Whoever is first.
    progress, _ = TallyProgress.objects.get_or_create(
        pk=TallyProgress.KEY, defaults={"settled_until": start, "counted_until": start}
    )
    return progress


def _settle_end(begin: dt.datetime, until: dt.datetime) -> dt.datetime:
    """The end of the next piece: within the half hour, and of ATTEMPTS_AT_ONCE where that is more than a minute."""
    end = min(until, bucket_start(begin, HALF_HOUR) + HALF_HOUR)
    if end - begin > MINUTE:
        ids = Attempt.objects.filter(id__gte=first_id_at(begin), id__lt=first_id_at(end)).order_by("id")
        beyond = ids.values_list("id", flat=True)[ATTEMPTS_AT_ONCE : ATTEMPTS_AT_ONCE + 1].first()
        if beyond is not None:
            end = max(bucket_start(made_at(beyond), MINUTE), begin + MINUTE)
    return end


class _Counted:
    """A piece's rows to be, counted in memory."""

    def __init__(self, piece: _Piece) -> None:
        self._slice = piece.slice
        self._half_hour = bucket_start(piece.begin, HALF_HOUR)
        self._hour = bucket_start(piece.begin, HOUR)
        self._rows: dict[type[Tally], dict[tuple[object, ...], Any]] = {model: {} for model in TALLIES}
        # Measured with a million deliveries: for half an hour's attempts the planner reads all deliveries, 350 ms
        # instead of 66.
        with whole_tables_left_alone():
            self._add_events(piece)
            self._add_deliveries(piece)
            self._add_attempts(piece)

    def rows(self, model: type[Tally]) -> list[Any]:
        return list(self._rows[model].values())

    def _add_events(self, piece: _Piece) -> None:
        counts = piece.of(Event).values_list("app_id", "environment", "type").annotate(Count("pk"))
        for app, environment, event_type, events in counts:
            self._app(app, environment).events += events
            self._event_type(app, environment, event_type).events += events

    def _add_deliveries(self, piece: _Piece) -> None:
        columns = ("app_id", "environment", "endpoint_id", "event_type")
        counts = piece.of(Delivery).values_list(*columns).annotate(Count("pk"))
        for app, environment, endpoint, event_type, deliveries in counts:
            self._app(app, environment).deliveries += deliveries
            self._event_type(app, environment, event_type).deliveries += deliveries
            self._endpoint(endpoint).deliveries += deliveries

    def _add_attempts(self, piece: _Piece) -> None:
        """One pass for all: attempts that are alike in everything told are counted by the database."""
        failed = Q(status=AttemptStatus.FAILED)
        is_last = Q(delivery__status=DeliveryStatus.FAILED, number=F("delivery__attempt_count"))
        # As text: PostgreSQL 15 knows no least or greatest UUID.
        key = Cast("id", CharField())
        columns = ("app_id", "environment", "endpoint_id", "event_type")
        counts = (
            piece.of(Attempt, "delivery__")
            .annotate(time_class=time_class())
            .values_list(*(f"delivery__{name}" for name in columns), "response_status", "error_code", "time_class")
            .annotate(
                attempts=Count("pk"),
                exhausted=Count("pk", filter=failed & is_last),
                first=Min(key, filter=failed),
                last=Max(key, filter=failed),
            )
        )
        rows_of: dict[tuple[Any, ...], tuple[AppTally, EventTypeTally, EndpointTally]] = {}
        for row in counts.iterator():
            of, (status, code, time_class_, attempts, exhausted, first, last) = row[:4], row[4:]
            if of not in rows_of:
                app, environment, endpoint, event_type = of
                of_type = self._event_type(app, environment, event_type)
                rows_of[of] = (self._app(app, environment), of_type, self._endpoint(endpoint))
            of_app, _, _ = rows_of[of]
            if code:
                for tally in rows_of[of]:
                    tally.failed += attempts
                self._add_failures(of[:3], status or 0, code, attempts, uuid.UUID(first), uuid.UUID(last))
            else:
                for tally in rows_of[of]:
                    tally.succeeded += attempts
            of_app.exhausted += exhausted
            outcomes, outcome = of_app.outcomes, f"{status or ''}:{code}"
            outcomes[outcome] = outcomes.get(outcome, 0) + attempts
            if time_class_ is not None:
                times, name = of_app.response_times, str(time_class_)
                times[name] = times.get(name, 0) + attempts

    def _add_failures(
        self, of: tuple[Any, ...], status: int, code: str, attempts: int, first: uuid.UUID, last: uuid.UUID
    ) -> None:
        app, environment, endpoint = of
        failures = self._rows[FailureTally]
        key = (endpoint, status, code)
        if key not in failures:
            failures[key] = FailureTally(
                app_id=app,
                environment=environment,
                endpoint_id=endpoint,
                response_status=status,
                error_code=code,
                first_attempt=first,
                last_attempt=last,
                start=self._hour,
                slice=self._slice,
            )
        row = failures[key]
        row.attempts += attempts
        row.first_attempt = min(row.first_attempt, first)
        row.last_attempt = max(row.last_attempt, last)

    def _app(self, app: uuid.UUID, environment: str) -> AppTally:
        return self._row(AppTally, self._half_hour, app, environment)

    def _event_type(self, app: uuid.UUID, environment: str, event_type: str) -> EventTypeTally:
        return self._row(EventTypeTally, self._half_hour, app, environment, event_type)

    def _endpoint(self, endpoint: uuid.UUID) -> EndpointTally:
        return self._row(EndpointTally, self._hour, endpoint)

    def _row(self, model: type[_Tally], start: dt.datetime, *key: object) -> _Tally:
        rows: dict[tuple[object, ...], _Tally] = self._rows[model]
        if key not in rows:
            rows[key] = model(start=start, slice=self._slice, **dict(zip(model.KEY, key, strict=True)))
        return rows[key]


def _write(piece: _Piece, counted: _Counted) -> bool:
    """All of it and how far counting has come, or nothing: where another runner has moved that meanwhile."""
    was = piece.progress
    with transaction.atomic():
        progress = TallyProgress.objects.filter(settled_until=was.settled_until, counted_until=was.counted_until)
        if piece.settles:
            moved = progress.update(settled_until=piece.end, counted_until=max(piece.end, was.counted_until))
        else:
            moved = progress.update(counted_until=piece.end)
        if not moved:
            return False
        for model in TALLIES:
            if piece.settles:
                slices = {"slice__gte": piece.begin.timestamp(), "slice__lt": piece.end.timestamp()}
                model._default_manager.filter(**slices).delete()
            rows = iter(counted.rows(model))
            while batch := list(islice(rows, ROWS_AT_ONCE)):
                _save(model, batch, settled=piece.settles)
    return True


def _save(model: type[_Tally], rows: list[_Tally], *, settled: bool) -> None:
    if not settled:
        model._default_manager.bulk_create(rows)
        return
    owner = model.KEY[0]
    owners = {f"{owner}__in": {getattr(row, owner) for row in rows}}
    there = {row.key: row for row in model._default_manager.filter(start=rows[0].start, slice=0, **owners)}
    for row in rows:
        if (before := there.get(row.key)) is not None:
            row.add(before)
    unique = [*model.KEY, "start", "slice"]
    names = {field.attname for field in model._meta.concrete_fields} - {*unique, "id"}
    model._default_manager.bulk_create(rows, update_conflicts=True, unique_fields=unique, update_fields=sorted(names))
