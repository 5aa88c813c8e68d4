"""Recording results in one statement of PostgreSQL.

Most results of a group are the same but for ids and times: what they share is sent once (half the CPU of writing them).

The join with the rows given is on the key alone: with more, the planner read the history from end to end. What happens
to a lane's cap, breaker and pauses is what deliveries/engine/lane_rules.py says, in SQL.
"""

from deliveries.engine.lane_rules import (
    BUSY_ATTEMPTS,
    CAP_AFTER_OPEN,
    GRACE_MS,
    OPEN_AFTER,
    OPEN_SECONDS,
    OPEN_SECONDS_AT_MOST,
    OPEN_SHARE,
    USUAL_RISES_BY,
    WINDOW_SECONDS,
)
from deliveries.models.lane import CAP_AT_LEAST, CAP_AT_MOST
from events.catalog.patterns import OPT_IN_PREFIX

FINISH = f"""
with same as materialized (
    select * from unnest(
        %(ok)b::bool[], %(retry_in)b::float8[], %(position)b::smallint[], %(lost)b::smallint[], %(status)b::smallint[],
        %(headers)b::text[], %(body)b::text[], %(truncated)b::bool[], %(code)b::text[], %(error)b::text[],
        %(blames)b::bool[], %(slow)b::bool[], %(pause)b::float8[], %(recovers)b::bool[])
      with ordinality as same(ok, retry_in, position, lost, status, headers, body, truncated, code, error, blames, slow,
                              pause, recovers, number)),
v as materialized (
    select own.id, own.lease, own.attempt, own.started_at, own.ms, same.*
      from unnest(%(id)b::uuid[], %(lease)b::uuid[], %(attempt)b::uuid[], %(started_at)b::timestamptz[],
                  %(ms)b::int[], %(number)b::int[]) as own(id, lease, attempt, started_at, ms, number)
      join same on same.number = own.number),
d as (
    update deliveries_delivery d
       set status = case when v.ok then 'succeeded' when v.retry_in is null then 'failed' else 'pending' end,
           due_at = case when not v.ok then statement_timestamp() + v.retry_in * interval '1 second' end,
           turn = case when d.test then 0 else 2 end,
           attempt_count = d.attempt_count + 1, schedule_position = v.position, lost_count = v.lost,
           lease = null, leased_until = null, response_status = v.status, error_code = v.code, error = v.error,
           failed_at = case when v.ok then null when v.retry_in is null then statement_timestamp()
                            else d.failed_at end
      from v where d.id = v.id and d.lease = v.lease
    returning d.id, d.endpoint_id, d.test, d.status as delivery_status, d.due_at, d.attempt_count, v.attempt, v.ok,
              v.started_at, v.ms, v.status, v.headers, v.body, v.truncated, v.code, v.error, v.blames, v.slow,
              v.pause, d.last_attempt_at as began, v.ok and v.recovers as recovers,
              not d.test and not starts_with(d.event_type, '{OPT_IN_PREFIX}') as tells),
a as (
    insert into deliveries_attempt (id, delivery_id, number, status, started_at, duration_ms, response_status,
                                    response_headers, response_body, response_truncated, error_code, error)
    select attempt, id, attempt_count, case when ok then 'succeeded' else 'failed' end, started_at, ms, status,
           headers::jsonb, body, truncated, code, error
      from d),
k as materialized (
    select l.endpoint_id, l.usual_ms, l.open_until, l.probing, l.failures_in_a_row, l.window_attempts,
           l.window_failures, l.judged_from, l.url_since, l.down_since,
           coalesce(l.window_from <= statement_timestamp() - interval '{WINDOW_SECONDS} seconds', true) as new_window
      from deliveries_lane l
     where l.endpoint_id = any(array(select endpoint_id from d))
     order by l.endpoint_id for no key update of l),
g as materialized (
    select d.endpoint_id, count(*) as finished,
           min(due_at) filter (where test) as next_urgent, min(due_at) filter (where not test) as next_retry,
           count(*) filter (where ok and counts) as successes, count(*) filter (where fails and counts) as failures,
           coalesce(bool_or(fails and began = judged_from), false) as probe_failed,
           bool_or(ok and not test) as succeeded_really, bool_or(ok and test) as succeeded_in_test,
           bool_or(ok and of_url) as succeeded, bool_or(fails and of_url) as failed,
           bool_or(delivery_status = 'failed') as exhausted,
           bool_or(slow and of_url) as slow, max(pause) filter (where of_url) as pause,
           avg(ms) filter (where ok and of_url)::float8 as ms,
           bool_or(recovers) as recovers,
           bool_or(fails and of_url and tells) and not bool_or(ok and tells) as goes_down,
           coalesce(array_agg(id) filter (where delivery_status = 'failed' and tells), '{{}}') as told_failed,
           coalesce(array_agg(id) filter (where recovers), '{{}}') as told_recovered,
           coalesce(bool_or(status = 410 and of_url), false) as gone
      from d join k on k.endpoint_id = d.endpoint_id cross join lateral (
        select blames and not test as fails, coalesce(began >= judged_from, true) as counts,
               coalesce(began >= url_since, true) as of_url) x
     group by d.endpoint_id),
counted as (
    select *, open_until is not null and successes > 0 as closes,
           case when successes > 0 then 0 else failures_in_a_row + failures end as in_a_row_now,
           case when new_window then 0 else window_attempts end + successes + failures as attempts_now,
           case when new_window then 0 else window_failures end + failures as failures_now,
           coalesce(ms <= 2 * coalesce(usual_ms, ms) + {GRACE_MS}, false) as keeps_pace
      from k join g using (endpoint_id)),
judged as (
    select counted.*, successes = 0 and case when open_until is not null then probing and probe_failed else
             failures > 0 and in_a_row_now >= {OPEN_AFTER} and not (
               attempts_now >= {BUSY_ATTEMPTS} and failures_now < attempts_now * {OPEN_SHARE}) end as opens
      from counted),
lanes as (
    update deliveries_lane l
       set in_flight = l.in_flight - j.finished, seq = l.seq + (coalesce(j.next_retry, j.next_urgent) is not null)::int,
           urgent_from = least(l.urgent_from, j.next_urgent), retry_from = least(l.retry_from, j.next_retry),
           cap = case when j.closes then {CAP_AFTER_OPEN}
                      when j.slow then greatest({CAP_AT_LEAST}, l.cap / 2)
                      when l.limited and j.keeps_pace and j.successes > j.failures
                        then least({CAP_AT_MOST}, l.cap + j.successes - j.failures)
                      else l.cap end,
           usual_ms = case when j.ms is null then l.usual_ms
                           else least(j.ms, l.usual_ms + (j.ms - l.usual_ms) * {USUAL_RISES_BY}) end,
           failures_in_a_row = j.in_a_row_now,
           window_from = case when j.new_window then statement_timestamp() else l.window_from end,
           window_attempts = j.attempts_now, window_failures = j.failures_now,
           open_until = case when j.closes then null
             when j.opens then statement_timestamp()
               + least({OPEN_SECONDS_AT_MOST}, {OPEN_SECONDS} * 2 ^ l.opened_count) * interval '1 second'
             else l.open_until end,
           opened_count = case when j.closes then 0 when j.opens then least(l.opened_count + 1, 10)
                               else l.opened_count end,
           probing = l.probing and j.successes = 0 and not j.probe_failed,
           judged_from = case when j.opens then statement_timestamp() else l.judged_from end,
           paused_until = greatest(l.paused_until, statement_timestamp() + j.pause * interval '1 second'),
           last_success_at = case when j.succeeded_really then statement_timestamp() else l.last_success_at end,
           last_test_success_at =
             case when j.succeeded_in_test then statement_timestamp() else l.last_test_success_at end,
           last_exhausted_at = case when j.exhausted then statement_timestamp() else l.last_exhausted_at end,
           failing_since = case when j.succeeded then null
                                when j.failed then coalesce(l.failing_since, statement_timestamp())
                                else l.failing_since end,
           down_since = case when j.recovers then null
                             when j.goes_down then coalesce(l.down_since, statement_timestamp())
                             else l.down_since end
      from judged j where l.endpoint_id = j.endpoint_id
    returning l.endpoint_id, j.finished, l.failing_since, case when j.opens then l.open_until end, j.gone, l.url_since,
              j.down_since, j.told_failed, j.told_recovered)
select * from lanes
"""
