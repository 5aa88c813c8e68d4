"""The engine's hot statements, in a form for PostgreSQL and one for SQLite that behave the same.

tests/deliveries/engine/test_statements.py runs every statement on both.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from django.db import connection


class Claimed(NamedTuple):
    """A delivery that is leased to us, with what is needed to send it."""

    delivery_id: uuid.UUID
    lease: uuid.UUID
    endpoint_id: uuid.UUID
    endpoint_version: int
    app_id: uuid.UUID
    event_id: uuid.UUID
    event_type: str
    attempt_count: int  # attempts on record before this one
    schedule_position: int
    payload: str
    # Whether its success would be news: nothing real has succeeded at its endpoint of late, or it had failed for good.
    # Never of a test send, nor of an event of the `webhook` family (S40).
    down: bool = False
    failed_before: bool = False


class Result(NamedTuple):
    """How one attempt ended, and what becomes of the delivery."""

    delivery_id: uuid.UUID
    lease: uuid.UUID
    started_at: dt.datetime
    duration_ms: int
    succeeded: bool
    retry_in: float | None  # seconds until the next attempt; None: no more attempts
    schedule_position: int
    lost_count: int
    response_status: int | None
    response_headers: str | None  # JSON
    response_body: str
    response_truncated: bool
    error_code: str
    error: str
    blames: bool  # a failure that says something of the endpoint
    slow: bool  # the endpoint has too much to do
    pause: float | None  # seconds that it asked for
    recovers: bool = False  # as a success it is news
    failed_before: bool = False  # the delivery had failed for good

    def shared(self) -> tuple[object, ...]:
        """What several results may have in common and is recorded: all but ids and times."""
        return self[4:-1]

    @property
    def may_be_told(self) -> bool:
        """Whether an event may have to tell of it: a delivery failed for good, or recovered."""
        return self.recovers if self.succeeded else self.retry_in is None


class FinishedLane(NamedTuple):
    """An endpoint after results were recorded."""

    endpoint_id: uuid.UUID
    finished: int  # results that were recorded; fewer than given where a lease was lost
    failing_since: dt.datetime | None
    opened_until: dt.datetime | None  # its circuit breaker opened with these results
    gone: bool  # its URL answered 410
    url_since: dt.datetime | None  # since when it has that URL, if it had another
    down_since: dt.datetime | None  # since when nothing real had succeeded, before these results
    exhausted: Sequence[uuid.UUID]  # deliveries that failed for good, other than test sends and of `webhook` events
    recovered: Sequence[uuid.UUID]  # deliveries that succeeded, of those whose success is news


class Expired(NamedTuple):
    """A delivery whose worker let its lease run out."""

    delivery_id: uuid.UUID
    lease: uuid.UUID
    schedule_position: int
    lost_count: int
    started_at: dt.datetime
    leased_until: dt.datetime


class Waiting(NamedTuple):
    """What there is to do at this moment."""

    events: bool  # to be dispatched
    lanes: bool  # that are due and have room


# So many deliveries are made at once; one event may make more.
FAN_OUT_DELIVERIES = 2_000


class Statements(Protocol):
    """Each is one short transaction; none is open while a request is."""

    def prepare_connection(self) -> None:
        """Planner settings for a connection that runs these statements and nothing else."""

    def waiting(self) -> Waiting:
        """Whether a fan-out and a claim would find something: a look costs a seventh of trying both."""

    def fan_out(self, events: int, deliveries: int = FAN_OUT_DELIVERIES) -> int:
        """Dispatch up to so many events, apps in turn, oldest first, as make some `deliveries`; their number.

        For that bound an event counts with all endpoints of its app and environment, as all have to be looked through.
        Inserts a delivery for each endpoint of the event's app and environment that existed when it was
        emitted and subscribes to its type now, and wakes those endpoints' lanes. 0 also while another process
        dispatches.
        """

    def claim(
        self,
        limit: int,
        lease_seconds: float,
        passed_over: Sequence[uuid.UUID] = (),
        of_one: int | None = None,
        retry_lanes: int | None = None,
    ) -> list[Claimed]:
        """Lease up to `limit` due deliveries, a fair share of each lane that is due and has room.

        Apps share by their weight, an app's lanes evenly. On a lane what is urgent comes first, then first attempts,
        then retries, for which a quarter of the room is kept. `passed_over` are endpoints to leave alone now,
        `of_one` the most that one endpoint gets, `retry_lanes` how many lanes are looked at that have nothing but
        retries: those get so many together (a quarter of `limit` if None, at least one then).
        """

    def finish(self, results: Sequence[Result]) -> list[FinishedLane]:
        """Record attempts, the deliveries' state and next due time, and the lanes' facts, all or nothing.

        A result whose lease was lost meanwhile leaves no trace.
        """

    def expired(self, limit: int) -> list[Expired]:
        """Deliveries whose lease ran out."""

    def cancel_closed(self) -> int:
        """Cancel what waits on the lanes of deleted endpoints; the number of deliveries."""

    def recount(self) -> int:
        """Count the slots of lanes again, by the leases that there are; the number of lanes that were wrong."""


def statements() -> Statements:
    """The form for the default database."""
    if connection.vendor == "postgresql":
        from deliveries.engine.statements.postgresql import PostgresqlStatements

        return PostgresqlStatements()
    from deliveries.engine.statements.sqlite import SqliteStatements

    return SqliteStatements()
