"""Writing events: one statement for all of a batch, in a form for PostgreSQL and one for SQLite."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from django.db import connection
from django.utils import timezone

from events.known_types import KnownType, unchanged
from events.models import Event
from switera_webhooks.database import hot_rows

# Each column of an event that is being emitted, and its type in PostgreSQL.
_COLUMNS = {
    "id": "uuid",
    "app_id": "uuid",
    "environment": "text",
    "type": "text",
    "organization_id": "uuid",
    "payload": "text",
    "occurred_at": "timestamptz",
    "test": "boolean",
    "idempotency_key": "text",
    "request_digest": "bytea",
    "about_endpoint_id": "uuid",
}
_NAMES = ", ".join(_COLUMNS)
_ONCE = """
on conflict (app_id, environment, idempotency_key) where idempotency_key is not null do nothing
returning id, created_at
"""


def insert(events: Sequence[Event], types: Mapping[str, KnownType] | None) -> set[uuid.UUID]:
    """Insert the events whose idempotency keys are new; gives the ids of those, whose `created_at` is set.

    Inserts none of them where one of `types` is not any more as it is remembered.
    """
    # In the order of keys, so that two batches with the same keys wait for each other instead of deadlocking.
    ordered = sorted(events, key=_order) if len(events) > 1 else events
    created = _on_postgresql(ordered, types) if connection.vendor == "postgresql" else _on_sqlite(ordered)
    for event in events:
        if event.pk in created:
            event.created_at = created[event.pk]
            event._state.adding = False
    return set(created)


def _order(event: Event) -> tuple[str, uuid.UUID]:
    return event.idempotency_key or "", event.pk


def _on_postgresql(events: Sequence[Event], types: Mapping[str, KnownType] | None) -> dict[uuid.UUID, dt.datetime]:
    condition, of_condition = unchanged(types) if types else ("true", ())
    selected: list[str] = []
    arrays: list[str] = []
    once: list[object] = []
    many: list[object] = []
    for name, kind in _COLUMNS.items():
        values = [event.__dict__[name] for event in events]
        first = values[0]
        # What is the same for all goes once.
        if all(value is first for value in values):
            selected.append(f"%s::{kind}")
            once.append(first)
        else:
            selected.append(name)
            arrays.append(f"%s::{kind}[]")
            many.append(_array(values))
    source = ""
    if arrays:
        varying = ", ".join(column for column in selected if not column.startswith("%"))
        source = f" from unnest({', '.join(arrays)}) as given({varying})"
    # The database's clock, by which fan-out decides which endpoints existed.
    statement = (
        f"insert into events_event ({_NAMES}, created_at) "
        f"select {', '.join(selected)}, clock_timestamp(){source} where {condition}{_ONCE}"
    )
    return dict(hot_rows(statement, [*once, *many, *of_condition]))


def _array(values: Sequence[object]) -> str:
    """PostgreSQL's text form of an array; psycopg takes ten times as long to make one of payloads."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, uuid.UUID):
        return value.hex
    text = "\\x" + value.hex() if isinstance(value, bytes) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_FIELDS = [field for field in Event._meta.concrete_fields if field.column in _COLUMNS]


def _on_sqlite(events: Sequence[Event]) -> dict[uuid.UUID, dt.datetime]:
    now = timezone.now()
    one_row = f"({'%s, ' * len(_FIELDS)}'{now:%Y-%m-%d %H:%M:%S.%f}')"
    statement = (
        f"insert into events_event ({', '.join(str(field.column) for field in _FIELDS)}, created_at) "  # noqa: S608 (names of our own)
        f"values {', '.join([one_row] * len(events))}{_ONCE}"
    )
    values = [
        field.get_db_prep_save(getattr(event, field.attname), connection) for event in events for field in _FIELDS
    ]
    return {uuid.UUID(str(key)): now for key, _ in hot_rows(statement, values)}
