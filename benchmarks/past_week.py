"""A week of one app's traffic as rows: copies of one delivery that was delivered, at moments of their own.

Of 1,000 deliveries 950 succeed at once and 30 at the second attempt, 19 fail for good after three, and one waits for a
retry. Needs Django on a stack with PostgreSQL (Stack.use_here).
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from benchmarks.history import InstantSender
from benchmarks.seed import RECEIVER_TYPE, backlog, copy_rows
from deliveries.engine.drain import Engine
from deliveries.models import Attempt, Delivery, Lane
from events.models import Event
from webhooks.models import App

DAYS = 7
ENDPOINTS_OF_EVENT = 5
CHUNK = 20_000  # events

# A UUIDv7 of that moment.
_KEY_AT = (
    "(lpad(to_hex((extract(epoch from {}) * 1000)::bigint), 12, '0') || '70008' "
    "|| substr(md5(random()::text), 1, 15))::uuid"
)
_EVENTS = f"""
insert into new_events
select number, {_KEY_AT.format("made")}, made,
       (%(types)s::text[])[1 + number %% cardinality(%(types)s::text[])]
  from (select number, %(since)s::timestamptz + (number + random()) / %(events)s * %(length)s::interval made
          from generate_series(%(first)s, %(last)s) number) each
"""
_DELIVERIES = f"""
insert into new_deliveries
select {_KEY_AT.format("made")}, event, endpoints[1 + (number * %(each)s + turn) %% cardinality(endpoints)], made,
       type,
       case when chance < 0.95 then 'at once' when chance < 0.98 then 'second' when chance < 0.999 then 'failed'
            else 'waits' end
  from (select *, random() chance, %(endpoints)s::uuid[] endpoints
          from new_events, generate_series(0, %(each)s - 1) turn) each
"""
_ATTEMPTS = f"""
insert into new_attempts
select {_KEY_AT.format("began")}, delivery, number, began, succeeded,
       case when succeeded then 200 when cause < 0.5 then 401 when cause < 0.8 then 503 end,
       case when succeeded then '' when cause < 0.8 then 'http_status' else 'timeout' end,
       (case when not succeeded and cause >= 0.8 then 15000 else 20 + 200 * random() ^ 3 end)::int
  from (select *, made + (number - 1) * interval '20 seconds' began, random() cause,
               outcome = 'at once' or (outcome = 'second' and number = 2) succeeded
          from new_deliveries,
               generate_series(1, case outcome when 'second' then 2 when 'failed' then 3 else 1 end) number) each
"""
_TABLES = (
    "create temporary table new_events (number int, event uuid, made timestamptz, type text)",
    "create temporary table new_deliveries "
    "(delivery uuid, event uuid, endpoint uuid, made timestamptz, type text, outcome text)",
    "create temporary table new_attempts (attempt uuid, delivery uuid, number int, began timestamptz, succeeded bool, "
    "status int, code text, ms int)",
)
# The last attempt of each delivery.
_LAST = "lateral (select * from new_attempts a where a.delivery = d.delivery order by a.number desc limit 1) l"


def fill_past_week(app: App, deliveries: int, types: Sequence[str]) -> None:
    """So many deliveries to all endpoints of the app in turn, the last of them some minutes old."""
    backlog(app, 1, [RECEIVER_TYPE.format(0)])
    engine = Engine(InstantSender)
    engine.drain(None)
    engine.close()
    model = Event.objects.get()
    events = deliveries // ENDPOINTS_OF_EVENT
    values = {
        "types": list(types),
        "endpoints": list(app.endpoints.order_by("id").values_list("pk", flat=True)),
        "each": ENDPOINTS_OF_EVENT,
        "events": events,
        "since": timezone.now() - timedelta(days=DAYS, minutes=10),
        "length": timedelta(days=DAYS),
    }
    with connection.cursor() as cursor:
        # As a superuser may, so that no key is checked: all of them are there.
        cursor.execute("set session_replication_role = replica")
        for statement in _TABLES:
            cursor.execute(statement)
        for first in range(0, events, CHUNK):
            cursor.execute("truncate new_events, new_deliveries, new_attempts")
            cursor.execute(_EVENTS, {**values, "first": first, "last": min(first + CHUNK, events) - 1})
            cursor.execute(_DELIVERIES, values)
            cursor.execute(_ATTEMPTS)
            cursor.execute("create index if not exists new_attempt on new_attempts (delivery, number)")
            cursor.execute("analyze new_attempts")
            _copy(cursor, model)
        cursor.execute("drop table new_events, new_deliveries, new_attempts")
        cursor.execute("set session_replication_role = default")
    now = timezone.now()
    Lane.objects.filter(app=app).update(last_success_at=now, last_exhausted_at=now)


def _copy(cursor: CursorWrapper, model: Event) -> None:
    of_event, of_delivery = f"original.id = '{model.pk}'", f"original.event_id = '{model.pk}'"
    made = {"created_at": "made", "occurred_at": "made", "dispatched_at": "made", "type": "new_events.type"}
    copy_rows(cursor, Event, {"id": "event", **made}, "new_events", of_event)
    changes = {
        "id": "d.delivery",
        "event_id": "d.event",
        "endpoint_id": "d.endpoint",
        "event_type": "d.type",
        "created_at": "d.made",
        "status": "case d.outcome when 'failed' then 'failed' when 'waits' then 'pending' else 'succeeded' end",
        "due_at": "case d.outcome when 'waits' then now() + interval '1 day' end",
        "turn": "case d.outcome when 'waits' then 2 else original.turn end",
        "attempt_count": "l.number",
        "last_attempt_at": "l.began",
        "response_status": "l.status",
        "error_code": "l.code",
        "error": "case l.code when '' then '' else 'It failed.' end",
    }
    copy_rows(cursor, Delivery, changes, f"new_deliveries d, {_LAST}", of_delivery)
    changes = {
        "id": "attempt",
        "delivery_id": "new_attempts.delivery",
        "number": "new_attempts.number",
        "status": "case when succeeded then 'succeeded' else 'failed' end",
        "started_at": "began",
        "duration_ms": "ms",
        "response_status": "new_attempts.status",
        "error_code": "code",
        "error": "case code when '' then '' else 'It failed.' end",
    }
    of_attempt = f"original.delivery_id = (select id from deliveries_delivery where event_id = '{model.pk}' limit 1)"
    copy_rows(cursor, Attempt, changes, "new_attempts", of_attempt)
