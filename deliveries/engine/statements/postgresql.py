"""The hot statements for PostgreSQL 15 and later: one statement each.

Traps that shaped them, all met in measurements:

- SKIP LOCKED locks a row newer than the statement's snapshot, while deliveries are read by that old snapshot: rows
  were leased twice. So a lane carries `seq`, which grows with every change of its pending deliveries; the claim joins
  the lane to an unlocked copy of itself and takes nothing where they differ.
- `update … from cte` became a sequential scan of the history: claim by `id = any(array(…))`, finish by the key alone.
- Locks are taken in the order deliveries being sent, then lanes by id; pending deliveries only under their lane's lock.
- Moments are `statement_timestamp()`: stable, so that indexes serve, and not frozen by a surrounding transaction.
"""

import uuid
from collections.abc import Sequence

from django.db import connection

from deliveries.engine.statements import Claimed, Expired, FinishedLane, Result, Waiting
from switera_webhooks.ids import new_id

_SESSION = "set enable_seqscan = off; set plan_cache_mode = force_generic_plan"

_WAITING = """
select exists (select from events_event where dispatched_at is null),
       exists (select from deliveries_lane
                where wake_at <= statement_timestamp() and in_flight < cap and not closed)
"""

# patterns: the same as events.catalog.patterns.patterns_matching, inside the statement.
FAN_OUT = """
with e as materialized (
    select id, app_id, environment, type, organization_id, test, created_at
      from events_event where dispatched_at is null
     order by id limit %(events)s for update skip locked),
p as materialized (
    select e.id, array_agg(pattern) as patterns
      from e cross join lateral (
        select e.type as pattern
        union all
        select array_to_string((string_to_array(e.type, '.'))[1:part], '.') || '.*'
          from generate_series(1, array_length(string_to_array(e.type, '.'), 1) - 1) part
        union all
        select '*' where split_part(e.type, '.', 1) <> 'webhook') x
     group by e.id),
d as (
    insert into deliveries_delivery (id, event_id, endpoint_id, app_id, environment, event_type, test, status, due_at,
                                     attempt_count, schedule_position, lost_count, error_code, error, created_at)
    select switera_uuid7(), e.id, endpoint.id, e.app_id, e.environment, e.type, e.test, 'pending',
           statement_timestamp(), 0, 0, 0, '', '', statement_timestamp()
      from e join p on p.id = e.id
      join webhooks_endpoint endpoint
        on endpoint.app_id = e.app_id and endpoint.environment = e.environment and endpoint.deleted_at is null
       and endpoint.created_at <= e.created_at
       and (endpoint.organization_id is null or endpoint.organization_id = e.organization_id)
       and endpoint.event_types ?| p.patterns
    on conflict (event_id, endpoint_id) do nothing
    returning endpoint_id),
g as materialized (select distinct endpoint_id from d),
k as materialized (
    select l.endpoint_id from deliveries_lane l join g on g.endpoint_id = l.endpoint_id
     order by l.endpoint_id for no key update of l),
lanes as (
    update deliveries_lane l set wake_at = least(l.wake_at, statement_timestamp()), seq = l.seq + 1
      from k where l.endpoint_id = k.endpoint_id),
done as (
    update events_event set dispatched_at = statement_timestamp()
     where id = any(array(select id from e)) returning id)
select count(*) from done
"""

CLAIM = """
with l as materialized (
    select l.endpoint_id, l.held, l.seq <> unlocked.seq as moved, l.cap - l.in_flight as slots,
           case when l.rate is not null then
             least(greatest(l.rate, 1), coalesce(
               l.tokens + l.rate * extract(epoch from statement_timestamp() - l.tokens_at), greatest(l.rate, 1)))
           end as tokens
      from deliveries_lane l join deliveries_lane unlocked on unlocked.endpoint_id = l.endpoint_id
     where l.wake_at <= statement_timestamp() and l.in_flight < l.cap and not l.closed
     order by l.wake_at limit %(limit)s for update of l skip locked),
q as (
    select endpoint_id, held, moved, tokens,
           case when moved then 0 else
             least(slots, floor(tokens)::int, ceil(%(limit)s::numeric / count(*) over ())::int) end as room
      from l),
s as materialized (
    select q.endpoint_id, d.id, d.due_at, d.place <= q.room and d.due_at <= statement_timestamp() as take
      from q cross join lateral (
        select id, due_at, row_number() over (order by due_at) as place from (
          (select id, due_at from deliveries_delivery
            where endpoint_id = q.endpoint_id and status = 'pending' and not q.held
            order by due_at limit q.room + 1)
          union all
          (select id, due_at from deliveries_delivery
            where endpoint_id = q.endpoint_id and status = 'pending' and test and q.held
            order by due_at limit q.room + 1)) x) d),
u as (
    update deliveries_delivery d
       set status = 'sending', lease = %(lease)s, due_at = null, last_attempt_at = statement_timestamp(),
           leased_until = statement_timestamp() + %(lease_seconds)s * interval '1 second'
     where d.id = any(array(select id from s where take limit %(limit)s))
       and d.status = 'pending' and d.due_at <= statement_timestamp()
    returning d.id, d.endpoint_id, d.app_id, d.event_id, d.event_type, d.attempt_count, d.schedule_position),
g as (
    select q.endpoint_id, q.moved, q.tokens, count(u.id) as taken,
           min(s.due_at) filter (where u.id is null) as next_due
      from q left join s on s.endpoint_id = q.endpoint_id left join u on u.id = s.id
     group by q.endpoint_id, q.moved, q.tokens),
lanes as (
    update deliveries_lane l
       set in_flight = l.in_flight + g.taken, seq = l.seq + 1,
           wake_at = case
             when g.moved then statement_timestamp()
             when g.next_due is null then null
             when g.tokens - g.taken < 1 then greatest(
               g.next_due, statement_timestamp() + (1 - (g.tokens - g.taken)) / l.rate * interval '1 second')
             else greatest(g.next_due, statement_timestamp()) end,
           tokens = coalesce(g.tokens - g.taken, 0),
           tokens_at = case when l.rate is not null then statement_timestamp() end
      from g where l.endpoint_id = g.endpoint_id)
select u.id, u.endpoint_id, endpoint.version, u.app_id, u.event_id, u.event_type, u.attempt_count,
       u.schedule_position, event.payload
  from u join events_event event on event.id = u.event_id
  join webhooks_endpoint endpoint on endpoint.id = u.endpoint_id
"""

FINISH = """
with v as materialized (
    select * from unnest(
        %(id)s::uuid[], %(lease)s::uuid[], %(ok)s::bool[], %(retry_in)s::float8[], %(position)s::smallint[],
        %(lost)s::smallint[], %(attempt)s::uuid[], %(started_at)s::timestamptz[], %(ms)s::int[],
        %(status)s::smallint[], %(headers)s::jsonb[], %(body)s::text[], %(truncated)s::bool[], %(code)s::text[],
        %(error)s::text[])
      as v(id, lease, ok, retry_in, position, lost, attempt, started_at, ms, status, headers, body, truncated, code,
           error)),
d as (
    update deliveries_delivery d
       set status = case when v.ok then 'succeeded' when v.retry_in is null then 'failed' else 'pending' end,
           due_at = case when not v.ok then statement_timestamp() + v.retry_in * interval '1 second' end,
           attempt_count = d.attempt_count + 1, schedule_position = v.position, lost_count = v.lost,
           lease = null, leased_until = null, response_status = v.status, error_code = v.code, error = v.error
      from v where d.id = v.id and d.lease = v.lease
    returning d.id, d.endpoint_id, d.test, d.status as delivery_status, d.due_at, d.attempt_count, v.attempt, v.ok,
              v.started_at, v.ms, v.status, v.headers, v.body, v.truncated, v.code, v.error),
a as (
    insert into deliveries_attempt (id, delivery_id, number, status, started_at, duration_ms, response_status,
                                    response_headers, response_body, response_truncated, error_code, error)
    select attempt, id, attempt_count, case when ok then 'succeeded' else 'failed' end, started_at, ms, status,
           headers, body, truncated, code, error
      from d),
g as materialized (
    select endpoint_id, count(*) as finished, min(due_at) as next_due, bool_or(ok) as succeeded,
           bool_or(ok and not test) as succeeded_really, bool_or(ok and test) as succeeded_in_test,
           bool_or(not ok and not test and code <> 'worker_lost') as failed,
           bool_or(delivery_status = 'failed') as exhausted
      from d group by endpoint_id),
k as materialized (
    select l.endpoint_id from deliveries_lane l
     where l.endpoint_id = any(array(select endpoint_id from g))
     order by l.endpoint_id for no key update),
lanes as (
    update deliveries_lane l
       set in_flight = l.in_flight - g.finished, wake_at = least(l.wake_at, g.next_due),
           seq = l.seq + (g.next_due is not null)::int,
           last_success_at = case when g.succeeded_really then statement_timestamp() else l.last_success_at end,
           last_test_success_at =
             case when g.succeeded_in_test then statement_timestamp() else l.last_test_success_at end,
           last_exhausted_at = case when g.exhausted then statement_timestamp() else l.last_exhausted_at end,
           failing_since = case when g.succeeded then null
                                when g.failed then coalesce(l.failing_since, statement_timestamp())
                                else l.failing_since end
      from g where l.endpoint_id = g.endpoint_id and (select count(*) from k) >= 0
    returning l.endpoint_id, g.finished, l.failing_since)
select endpoint_id, finished, failing_since from lanes
"""

_EXPIRED = """
select id, lease, schedule_position, lost_count, last_attempt_at, leased_until
  from deliveries_delivery where status = 'sending' and leased_until < statement_timestamp()
 order by leased_until limit %(limit)s
"""

_CANCEL_CLOSED = """
with l as materialized (
    select endpoint_id from deliveries_lane where closed and wake_at is not null
     order by endpoint_id limit 100 for no key update skip locked),
d as (
    update deliveries_delivery set status = 'canceled', due_at = null
     where endpoint_id = any(array(select endpoint_id from l)) and status = 'pending' returning id),
lanes as (
    update deliveries_lane set wake_at = null, seq = seq + 1 where endpoint_id = any(array(select endpoint_id from l)))
select count(*) from d
"""


class PostgresqlStatements:
    """See `Statements`."""

    def prepare_connection(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_SESSION)

    def waiting(self) -> Waiting:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            return Waiting(*cursor.fetchone())

    def fan_out(self, events: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(FAN_OUT, {"events": events})
            return int(cursor.fetchone()[0])

    def claim(self, limit: int, lease_seconds: float) -> list[Claimed]:
        lease = uuid.uuid4()
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, {"limit": limit, "lease": lease, "lease_seconds": lease_seconds})
            rows = cursor.fetchall()
        return [Claimed(row[0], lease, *row[1:]) for row in rows]

    def finish(self, results: Sequence[Result]) -> list[FinishedLane]:
        with connection.cursor() as cursor:
            cursor.execute(FINISH, finish_values(results))
            return [FinishedLane(*row) for row in cursor.fetchall()]

    def expired(self, limit: int) -> list[Expired]:
        with connection.cursor() as cursor:
            cursor.execute(_EXPIRED, {"limit": limit})
            return [Expired(*row) for row in cursor.fetchall()]

    def cancel_closed(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_CANCEL_CLOSED)
            return int(cursor.fetchone()[0])


def finish_values(results: Sequence[Result]) -> dict[str, list[object]]:
    """The parameters of FINISH: a column each, attempts with their new ids."""
    return {
        "id": [result.delivery_id for result in results],
        "lease": [result.lease for result in results],
        "ok": [result.succeeded for result in results],
        "retry_in": [result.retry_in for result in results],
        "position": [result.schedule_position for result in results],
        "lost": [result.lost_count for result in results],
        "attempt": [new_id() for _ in results],
        "started_at": [result.started_at for result in results],
        "ms": [result.duration_ms for result in results],
        "status": [result.response_status for result in results],
        "headers": [result.response_headers for result in results],
        "body": [result.response_body for result in results],
        "truncated": [result.response_truncated for result in results],
        "code": [result.error_code for result in results],
        "error": [result.error for result in results],
    }
