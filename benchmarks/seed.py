"""Rows to measure with, made by the product's own functions. Needs Django on the stack (Stack.use_here)."""

import itertools
import uuid
from collections.abc import Iterable, Mapping, Sequence

from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from deliveries.endpoints import EndpointFields, create_endpoint
from deliveries.engine.statements import statements
from deliveries.models import Lane
from events.emit import MAX_BATCH, EmitRequest, emit_batch
from events.event_types import create_event_type, sync_event_catalog
from events.models import Event
from switera_webhooks.environments import Environment
from webhooks.app_setup import create_app
from webhooks.audit import Actor
from webhooks.models import App, Endpoint, EndpointSecret

# Every endpoint takes it.
EVENT_TYPE = "benchmark.item.made"
# Each receiver has a type of its own besides: an event of it has one delivery.
RECEIVER_TYPE = "benchmark.receiver_{}.called"
# With the envelope around it, a body of 1 KiB.
DATA = {"text": "x" * 768}

ACTOR = Actor.of_command("benchmarks")


def seed_app(urls: Sequence[str]) -> App:
    """An app with an endpoint for each URL, which takes EVENT_TYPE and the receiver's own type."""
    sync_event_catalog()
    types = [RECEIVER_TYPE.format(number) for number in range(len(urls))]
    with transaction.atomic():
        app = create_app("Benchmark", actor=ACTOR).app
        for name in [EVENT_TYPE, *types]:
            create_event_type(app, name, "", None, None, ACTOR)
        for url, name in zip(urls, types, strict=True):
            create_endpoint(app, Environment.LIVE, EndpointFields(url, [EVENT_TYPE, name]), ACTOR)
        # What the product tells of them by itself is no part of what is measured.
        Event.objects.filter(app=app).delete()
    return app


def seed_many(urls: Sequence[str], endpoints: int) -> App:
    """An app with any number of endpoints on these hosts in turn, each with a path of its own, for EVENT_TYPE.

    The first is made by the product, the others are copies of its rows.
    """
    app = seed_app(urls[:1])
    (first,) = app.endpoints.all()
    hosts = list(itertools.islice(itertools.cycle(urls), endpoints))
    texts = [f"{host}{number}" for number, host in enumerate(hosts)]
    ids = [first.pk, *(uuid.uuid4() for _ in texts[1:])]
    with connection.cursor() as cursor:
        cursor.execute("create temporary table copies (endpoint uuid primary key, url text)")
        with cursor.copy("copy copies from stdin") as copy:
            for key, url in list(zip(ids, texts, strict=True))[1:]:
                copy.write_row((key, url))
        changes = {"id": "endpoint", "url": "copies.url"}
        copy_rows(cursor, Endpoint, changes, "copies", f"original.id = '{first.pk}'")
        changes = {"id": "gen_random_uuid()", "endpoint_id": "endpoint"}
        copy_rows(cursor, EndpointSecret, changes, "copies", f"original.endpoint_id = '{first.pk}'")
        copy_rows(cursor, Lane, {"endpoint_id": "endpoint"}, "copies", f"original.endpoint_id = '{first.pk}'")
        cursor.execute("drop table copies")
    return app


def copy_rows(
    cursor: CursorWrapper, model: type[models.Model], changes: Mapping[str, str], table: str, where: str
) -> None:
    """The rows of a model that `where` finds as `original`, once more for each row of `table`, some columns changed."""
    columns = [str(field.column) for field in model._meta.concrete_fields if not field.generated]
    values = ", ".join(changes.get(column, f"original.{column}") for column in columns)
    cursor.execute(
        f"insert into {model._meta.db_table} ({', '.join(columns)}) "
        f"select {values} from {table}, {model._meta.db_table} original where {where}"
    )


def emit_many(app: App, number: int, types: Iterable[str] = (EVENT_TYPE,)) -> list[Event]:
    """So many events, in batches; the types take turns."""
    turns = itertools.cycle(types)
    events: list[Event] = []
    while len(events) < number:
        batch = [EmitRequest(next(turns), DATA) for _ in range(min(MAX_BATCH, number - len(events)))]
        events += emit_batch(app, Environment.LIVE, batch)
    return events


def backlog(app: App, events: int, types: Iterable[str] = (EVENT_TYPE,), *, fan_out: bool = True) -> None:
    """So many events, fanned out or not; all of it becomes visible to the workers at once."""
    with transaction.atomic():
        emit_many(app, events, types)
        while fan_out and statements().fan_out(100):
            pass
