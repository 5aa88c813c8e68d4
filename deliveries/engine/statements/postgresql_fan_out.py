"""Dispatching events in one statement of PostgreSQL: a delivery for each endpoint that subscribes.

Apps take turns, so that nobody waits behind another app's hundred thousand events. One fan-out runs at a time, by an
advisory lock that nobody waits for: two would pick the same events, and one of them in vain.
"""

# Any number that no other lock has.
LOCK = 4_971_650_128_033_207_001

# As many events as make no more deliveries than asked, and one at least. For that all endpoints of an app count, once:
# who subscribes to what is found out only for the events that are taken, and all are looked through for it.
# Apps take turns from after the one at which the statement before was cut off, or those behind an app with thousands of
# endpoints and a backlog would wait for all of it.
# p.patterns: the same as events.catalog.patterns.patterns_matching, inside the statement. p has all of the event, so
# that one join finds endpoints: of two, the planner took the one by patterns first, and looked through all apps' own.
FAN_OUT = f"""
with recursive apps as (
    (select app_id from (
        (select app_id from events_event
          where dispatched_at is null and app_id > %(after_app)b and (select pg_try_advisory_xact_lock({LOCK}))
          order by app_id limit 1)
        union all
        (select app_id from events_event
          where dispatched_at is null and (select pg_try_advisory_xact_lock({LOCK}))
          order by app_id limit 1)) x limit 1)
    union all
    select following.app_id from apps a cross join lateral (
        select app_id from events_event where dispatched_at is null and app_id > a.app_id
         order by app_id limit 1) following),
candidates as materialized (
    select oldest.* from (select app_id from apps limit %(events)b) a cross join lateral (
        select id, app_id, environment, row_number() over (order by id) as turn
          from (select id, app_id, environment from events_event
                 where dispatched_at is null and app_id = a.app_id order by id limit %(events)b) x) oldest
     order by turn, app_id, id limit %(events)b),
counted as materialized (
    select app_id, environment, (
        select count(*) from webhooks_endpoint endpoint
         where endpoint.app_id = x.app_id and endpoint.environment = x.environment and deleted_at is null) as endpoints
      from (select distinct app_id, environment from candidates) x),
sized as (
    select id, app_id, turn,
           sum(endpoints) over (order by turn, app_id, c.id) - endpoints < %(deliveries)b as fits
      from candidates c join counted using (app_id, environment)),
e as materialized (
    select id, app_id, environment, type, organization_id, test, created_at, about_endpoint_id
      from events_event
     where id = any(array(select id from sized where fits)) and dispatched_at is null
       for update skip locked),
p as materialized (
    select e.*, array(
        select e.type::text
        union all
        select array_to_string((string_to_array(e.type, '.'))[1:part], '.') || '.*'
          from generate_series(1, array_length(string_to_array(e.type, '.'), 1) - 1) part
        union all
        select '*' where split_part(e.type, '.', 1) <> 'webhook') as patterns
      from e),
d as (
    insert into deliveries_delivery (id, event_id, endpoint_id, app_id, environment, event_type, test, status, due_at,
                                     turn, attempt_count, schedule_position, lost_count, error_code, error, created_at)
    select switera_uuid7(), p.id, endpoint.id, p.app_id, p.environment, p.type, p.test, 'pending',
           statement_timestamp(), 1, 0, 0, 0, '', '', statement_timestamp()
      from p join webhooks_endpoint endpoint
        on endpoint.app_id = p.app_id and endpoint.environment = p.environment and endpoint.deleted_at is null
       and endpoint.created_at <= p.created_at
       and (endpoint.organization_id is null or endpoint.organization_id = p.organization_id)
       and endpoint.event_types ?| p.patterns and endpoint.id is distinct from p.about_endpoint_id
    on conflict (event_id, endpoint_id) do nothing
    returning endpoint_id),
g as materialized (select distinct endpoint_id from d),
k as materialized (
    select l.endpoint_id from deliveries_lane l join g on g.endpoint_id = l.endpoint_id
     order by l.endpoint_id for no key update of l),
lanes as (
    update deliveries_lane l set fresh_from = least(l.fresh_from, statement_timestamp()), seq = l.seq + 1
      from k where l.endpoint_id = k.endpoint_id),
done as (
    update events_event set dispatched_at = statement_timestamp()
     where id = any(array(select id from e)) returning id)
select (select count(*) from done),
       case when (select count(*) filter (where not fits) > 0 or count(*) >= %(events)b from sized)
            then (select app_id from sized where fits order by turn desc, app_id desc limit 1) end
"""
