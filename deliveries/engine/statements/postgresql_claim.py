"""Claiming in one statement of PostgreSQL.

Traps that shaped it, all met in measurements:

- SKIP LOCKED locks a row newer than the statement's snapshot, while deliveries are read by that old snapshot: rows
  were leased twice. So a lane carries `seq`, which grows with every change of its pending deliveries; the claim joins
  the lane to an unlocked copy of itself and passes over those where they differ.
- `update … from cte` became a sequential scan of the history: claim by `id = any(array(…))`. Asked again there for what
  the index of due deliveries holds, the planner read the whole backlog from it for every claim.
- A snapshot held open elsewhere (a dump, a report) keeps dead entries in the index of due deliveries, and a claim that
  reads it from its beginning reads all of them: it starts at the lane's `…_from`.
- A claim of nothing but retries kept its worker busy for so long that first attempts waited: those of lanes that have
  nothing else are a quarter of a claim at most, and fewer or none where a drain says so (pace.py).
- A join with what was claimed compared every row with every other, 2 to 3 ms of a claim of 256: the planner expects
  one row. `in (select …)` among the columns asks a hash table.
- Shares are rounded up and make more than the limit together: what goes beyond it is cut off evenly, app by app and
  lane by lane, and a lane that gets nothing is first next time. Else the same lanes would be cut off again and again.
- Locks are taken in the order deliveries being sent, then lanes by id; pending deliveries only under their lane's lock.
- Moments are `statement_timestamp()`: stable, so that indexes serve, and not frozen by a surrounding transaction.
"""

from deliveries.engine.lane_rules import GOLDEN, GOLDEN_OF, ONE_RETRY_OF
from events.catalog.patterns import OPT_IN_PREFIX

# With more lanes due than a claim takes, so many apps get so many of their lanes looked at besides the oldest.
TURN_APPS = 256
TURN_LANES = 4

_LANES = """
    select l.endpoint_id, l.app_id, l.seq, l.claimed_at, l.held, l.rate, l.urgent_from, l.fresh_from, l.retry_from,
           l.cap - l.in_flight as slots, l.open_until is not null as half_open, l.down_since is not null as down,
           coalesce(l.first_wake_at <= statement_timestamp(), false) as first,
           not l.held and coalesce(greatest(l.open_until, l.paused_until) <= statement_timestamp(), true) as admits,
           case when l.rate is not null then greatest(0, least(greatest(l.rate, 1), coalesce(
             l.tokens + l.rate * extract(epoch from statement_timestamp() - l.tokens_at), greatest(l.rate, 1))))
           end as tokens
      from deliveries_lane l
      join deliveries_lane unlocked on unlocked.endpoint_id = l.endpoint_id and unlocked.seq = l.seq
     where l.{wake} <= statement_timestamp() and not l.endpoint_id = any(%(passed_over)t::uuid[]) {only}
     {order} for no key update of l skip locked
"""

# What waits on a lane of one turn, as far as there may be room for it, and one more to tell from when the rest waits.
_WAITING = """
        (select id, due_at, {turn} as turn, {rank} as rank from deliveries_delivery
          where endpoint_id = q.endpoint_id and status = 'pending' and turn = {turn} and due_at >= q.{since}
            and {admitted}
          order by due_at {part})
"""
_ALL = "limit q.room + 1"
_RETRIES_ADMITTED = "q.admits and q.retry_from <= statement_timestamp()"
_WAIT_ON_LANE = " union all ".join(
    _WAITING.format(turn=turn, rank=rank, since=since, admitted=admitted, part=part)
    for turn, rank, since, admitted, part in (
        (0, 0, "urgent_from", "(test or not q.held)", _ALL),
        # The retries that have their place before first attempts, and the others.
        (2, 1, "retry_from", _RETRIES_ADMITTED, "limit q.for_retries"),
        (1, 2, "fresh_from", "q.admits", _ALL),
        (2, 3, "retry_from", _RETRIES_ADMITTED, "offset q.for_retries limit q.room + 1"),
    )
)
_DUE = _LANES.format(wake="first_wake_at", only="", order="order by l.first_wake_at limit %(limit)b")
_RETRYING = _LANES.format(wake="retry_wake_at", only="", order="order by l.retry_wake_at limit %(retry_lanes)b")
_TURNS = _LANES.format(
    wake="first_wake_at",
    only=f"""and l.endpoint_id = any(array(
        select oldest.endpoint_id from turn_apps a cross join lateral (
            select endpoint_id from deliveries_lane
             where app_id = a.app_id and first_wake_at <= statement_timestamp()
             order by first_wake_at limit {TURN_LANES}) oldest))""",
    order="",
)

CLAIM = f"""
with recursive due as materialized ({_DUE}),
retrying as materialized ({_RETRYING}),
apps as (
    (select app_id from deliveries_lane
      where first_wake_at is not null and app_id > %(after_app)b and (select count(*) from due) >= %(limit)b
      order by app_id limit 1)
    union all
    select following.app_id from apps a cross join lateral (
        select app_id from deliveries_lane where first_wake_at is not null and app_id > a.app_id
         order by app_id limit 1) following),
turn_apps as materialized (select app_id from apps limit {TURN_APPS}),
turns as materialized ({_TURNS}),
seen as materialized (select * from due union select * from retrying union select * from turns),
shares as (
    select app_id, weight, ceil(%(limit)b * weight / sum(weight) over () / lanes)::int as share
      from (select l.app_id, app.weight::float8 as weight, count(*) as lanes
              from seen l join webhooks_app app on app.id = l.app_id group by l.app_id, app.weight) x),
q as materialized (
    select l.*, weight, room, case when room >= {ONE_RETRY_OF} then room / {ONE_RETRY_OF}
                           when l.seq * {GOLDEN} %% {GOLDEN_OF} < {GOLDEN_OF // ONE_RETRY_OF} then 1
                           else 0 end as for_retries
      from (select seen.*, count(*) filter (where not first) over () as others from seen) l
      join shares on shares.app_id = l.app_id cross join lateral (
        select least(slots, %(of_one)b, floor(tokens)::int, shares.share, case when half_open and admits then 1 end,
                     case when not first then greatest(1, %(retry_lanes)b / others) end) as room) r),
s as materialized (
    select x.*, row_number() over (partition by endpoint_id, is_due order by rank, due_at) as place
      from (select q.endpoint_id, q.app_id, q.weight, q.claimed_at, q.room, d.*,
                   d.due_at <= statement_timestamp() as is_due
              from q cross join lateral ({_WAIT_ON_LANE}) d) x),
taken as materialized (
    select id from s where is_due and place <= room
     order by row_number() over (partition by app_id order by place, claimed_at nulls first, random()) / weight
     limit %(limit)b),
u as (
    update deliveries_delivery d
       set status = 'sending', lease = %(lease)b, due_at = null, last_attempt_at = statement_timestamp(),
           leased_until = statement_timestamp() + %(lease_seconds)b * interval '1 second'
     where d.id = any(array(select id from taken))
       and d.due_at is not null and d.lease is null
    returning d.id, d.endpoint_id, d.app_id, d.event_id, d.event_type, d.attempt_count, d.schedule_position,
              d.failed_at is not null as failed_before,
              not d.test and not starts_with(d.event_type, '{OPT_IN_PREFIX}') as tells),
g as (
    select q.endpoint_id, q.slots, q.tokens, q.half_open, q.admits, count(*) filter (where claimed) as taken,
           count(*) filter (where claimed and turn > 0) as probes,
           coalesce(bool_or(is_due and not claimed), false) as left_over,
           min(due_at) filter (where turn = 0 and not claimed) as urgent_from,
           min(due_at) filter (where turn = 1 and not claimed) as fresh_from,
           min(due_at) filter (where turn = 2 and not claimed) as retry_from
      from q left join (select s.*, id in (select id from u) as claimed from s) s on s.endpoint_id = q.endpoint_id
     group by q.endpoint_id, q.slots, q.tokens, q.half_open, q.admits),
lanes as (
    update deliveries_lane l
       set in_flight = l.in_flight + g.taken, seq = l.seq + 1,
           claimed_at = case when g.left_over and g.taken = 0 then l.claimed_at else statement_timestamp() end,
           urgent_from = g.urgent_from,
           fresh_from = case when g.admits then g.fresh_from else l.fresh_from end,
           retry_from = case when g.admits and l.retry_from <= statement_timestamp() then g.retry_from
                             else l.retry_from end,
           limited = g.left_over and g.taken >= g.slots,
           probing = l.probing or g.half_open and g.probes > 0,
           open_until = case when g.half_open and g.probes > 0
                             then statement_timestamp() + %(lease_seconds)b * interval '1 second'
                             else l.open_until end,
           judged_from = case when g.half_open and g.probes > 0 then statement_timestamp() else l.judged_from end,
           tokens = coalesce(g.tokens - g.taken, 0),
           tokens_at = case when l.rate is not null then statement_timestamp() end,
           paced_until = case when g.tokens - g.taken < 1 then
             statement_timestamp() + (1 - (g.tokens - g.taken)) / l.rate * interval '1 second' end
      from g where l.endpoint_id = g.endpoint_id)
select u.id, u.endpoint_id, endpoint.version, u.app_id, u.event_id, u.event_type, u.attempt_count,
       u.schedule_position, event.payload,
       tells and u.endpoint_id in (select endpoint_id from q where down), tells and failed_before,
       (select app_id from turn_apps order by app_id offset {TURN_APPS} - 1) as last_app
  from u join events_event event on event.id = u.event_id
  join webhooks_endpoint endpoint on endpoint.id = u.endpoint_id
"""
