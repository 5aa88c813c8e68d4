"""The hot statements for PostgreSQL 15 and later: one statement each, prepared, in binary.

Planning one anew costs more than running it, and values written as text cost six times their binary form.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import uuid_utils
from django.db import connection
from psycopg.types.uuid import UUIDBinaryDumper

from deliveries.engine.lane_rules import retry_share
from deliveries.engine.statements import FAN_OUT_DELIVERIES, Claimed, Expired, FinishedLane, Result, Waiting
from deliveries.engine.statements.postgresql_claim import CLAIM
from deliveries.engine.statements.postgresql_fan_out import FAN_OUT
from deliveries.engine.statements.postgresql_finish import FINISH

# A plan by sequential scan, chosen while a table was small, would stay when it has grown.
# Compiling a plan takes longer than any of these runs.
_SESSION = "set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off"
_FIRST_ID = uuid.UUID(int=0)

_WAITING = """
select exists (select from events_event where dispatched_at is null),
       exists (select from deliveries_lane where first_wake_at <= statement_timestamp())
         or exists (select from deliveries_lane where retry_wake_at <= statement_timestamp())
"""

_EXPIRED = """
select id, lease, schedule_position, lost_count, last_attempt_at, leased_until
  from deliveries_delivery where status = 'sending' and leased_until < statement_timestamp()
 order by leased_until limit %(limit)b
"""

_CANCEL_CLOSED = """
with l as materialized (
    -- Joined to an unlocked copy, as the claim is: a lane newer than the deliveries that are seen is left for later.
    select l.endpoint_id from deliveries_lane l
      join deliveries_lane unlocked on unlocked.endpoint_id = l.endpoint_id and unlocked.seq = l.seq
     where l.closed and (l.urgent_from is not null or l.fresh_from is not null or l.retry_from is not null)
     order by l.endpoint_id limit 100 for no key update of l skip locked),
d as (
    update deliveries_delivery set status = 'canceled', due_at = null
     where endpoint_id = any(array(select endpoint_id from l)) and status = 'pending' returning id),
lanes as (
    update deliveries_lane set urgent_from = null, fresh_from = null, retry_from = null, seq = seq + 1
     where endpoint_id = any(array(select endpoint_id from l)))
select count(*) from d
"""


# Only lanes that nothing happens on meanwhile: every claim changes seq, and a finish alone changes in_flight.
_RECOUNT = """
update deliveries_lane l set in_flight = c.leased
  from (select l.endpoint_id, l.in_flight, l.seq, coalesce(s.leased, 0) as leased
          from deliveries_lane l left join (
            select endpoint_id, count(*) as leased from deliveries_delivery where status = 'sending'
             group by endpoint_id) s on s.endpoint_id = l.endpoint_id
         where l.in_flight > 0 or s.leased > 0) c
 where l.endpoint_id = c.endpoint_id and c.leased <> c.in_flight and l.in_flight = c.in_flight and l.seq = c.seq
returning l.endpoint_id
"""


# As Result.shared() has them.
_SHARED = (
    "ok",
    "retry_in",
    "position",
    "lost",
    "status",
    "headers",
    "body",
    "truncated",
    "code",
    "error",
    "blames",
    "slow",
    "pause",
    "recovers",
)


class PostgresqlStatements:
    """See `Statements`."""

    def __init__(self) -> None:
        self._prepares = False
        # The app that the last claim got to in its turns, where there were more than it could look at.
        self._after_app = _FIRST_ID
        # The same of a fan-out that was cut off.
        self._fanned_out_app = _FIRST_ID

    def prepare_connection(self) -> None:
        self._prepares = True

    def waiting(self) -> Waiting:
        return Waiting(*self._rows(_WAITING)[0])

    def fan_out(self, events: int, deliveries: int = FAN_OUT_DELIVERIES) -> int:
        parameters = {"events": events, "deliveries": deliveries, "after_app": self._fanned_out_app}
        dispatched, last_app = self._rows(FAN_OUT, parameters)[0]
        if dispatched:
            self._fanned_out_app = last_app or _FIRST_ID
        return int(dispatched)

    def claim(
        self,
        limit: int,
        lease_seconds: float,
        passed_over: Sequence[uuid.UUID] = (),
        of_one: int | None = None,
        retry_lanes: int | None = None,
    ) -> list[Claimed]:
        lease = uuid.uuid4()
        rows = self._rows(
            CLAIM,
            claim_values(
                limit,
                lease,
                lease_seconds,
                passed_over,
                of_one or limit,
                retry_share(limit) if retry_lanes is None else retry_lanes,
                self._after_app,
            ),
        )
        self._after_app = (rows[0][-1] if rows else None) or _FIRST_ID
        return [Claimed(row[0], lease, *row[1:-1]) for row in rows]

    def finish(self, results: Sequence[Result]) -> list[FinishedLane]:
        return [FinishedLane(*row) for row in self._rows(FINISH, finish_values(results))]

    def expired(self, limit: int) -> list[Expired]:
        return [Expired(*row) for row in self._rows(_EXPIRED, {"limit": limit})]

    def cancel_closed(self) -> int:
        return int(self._rows(_CANCEL_CLOSED)[0][0])

    def recount(self) -> int:
        return len(self._rows(_RECOUNT))

    def _rows(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[Any]:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            raw: psycopg.Connection[Any] = connection.connection
            if self._prepares and raw.prepare_threshold is None:  # a new connection
                raw.execute(_SESSION)
                raw.prepare_threshold = 0
            with hot_cursor(raw) as cursor:
                cursor.execute(statement, parameters, binary=True)
                return cursor.fetchall()


def hot_cursor(raw: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """Not Django's cursor, which writes values into the statement's text. Takes uuid_utils' own ids besides."""
    cursor = psycopg.Cursor(raw)
    cursor.adapters.register_dumper(uuid_utils.UUID, UUIDBinaryDumper)
    return cursor


def claim_values(
    limit: int,
    lease: uuid.UUID,
    lease_seconds: float,
    passed_over: Sequence[uuid.UUID],
    of_one: int,
    retry_lanes: int,
    after_app: uuid.UUID,
) -> dict[str, object]:
    """The parameters of CLAIM."""
    return {
        "limit": limit,
        "retry_lanes": retry_lanes,
        "lease": lease,
        "lease_seconds": float(lease_seconds),
        "passed_over": f"{{{','.join(map(str, passed_over))}}}",
        "of_one": of_one,
        "after_app": after_app,
    }


def finish_values(results: Sequence[Result]) -> dict[str, object]:
    """The parameters of FINISH: what each result has of its own, and what several share, numbered from 1."""
    numbers: dict[tuple[object, ...], int] = {}
    own = [numbers.setdefault(result.shared(), len(numbers) + 1) for result in results]
    columns = zip(*numbers, strict=True) if numbers else ((),) * len(_SHARED)
    return {
        "id": [result.delivery_id for result in results],
        "lease": [result.lease for result in results],
        "attempt": [uuid_utils.uuid7() for _ in results],
        "started_at": [result.started_at for result in results],
        "ms": [result.duration_ms for result in results],
        "number": own,
        **{name: list(column) for name, column in zip(_SHARED, columns, strict=True)},
    }
