"""Event types as an emit needs them: remembered by this process, and never trusted without asking.

An emit checks data against what it remembers of the type, and its INSERT takes effect only where the type's row
is still that very version (`unchanged`). A type that was changed, deprecated or deleted, by whatever process and
statement, is therefore noticed by the very next emit, which reads it anew; nothing has to be told to anybody.

Before a Builder's type is emitted for the first time, its row is marked, under its lock: from then on it is never
deleted and its schema only grows (event_types.py). Only marked types are remembered, so that costs an emit nothing.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from events.catalog.refusals import SchemaRefused
from events.catalog.schemas import text_of_schema
from events.models import EventType
from webhooks.models import App

# Types of this process; with each goes the text of its schema, 32 KiB at most.
_KEPT = 1_000
_COLUMNS = ("app_id", "name", "schema", "first_emitted_at")


@dataclass(frozen=True, slots=True)
class KnownType:
    """One version of a type. `schema_text` finds the compiled schema; None where there is none that may be used."""

    id: uuid.UUID
    name: str
    schema: object | None
    schema_text: str | None
    # Built in, or emitted before.
    emitted: bool
    # Where PostgreSQL holds this version of the row, and the transaction that wrote it: any change changes them.
    place: str | None = None
    written_by: str | None = None


_known: dict[tuple[uuid.UUID, str], KnownType] = {}


def remembered(app: App, names: Collection[str]) -> dict[str, KnownType] | None:
    """These types by name, as they were once; None where one is not remembered."""
    types: dict[str, KnownType] = {}
    for name in names:
        known = _known.get((app.pk, name))
        if known is None:
            return None
        types[name] = known
    return types


def read(app: App, names: Iterable[str]) -> dict[str, KnownType]:
    """Those of these types that the catalog has now, by name: the app's own and the built-in ones."""
    rows = EventType.objects.filter(Q(app=app) | Q(app=None), name__in=[n for n in names if "\0" not in n])
    if connection.vendor != "postgresql":
        return {row.name: _of(row) for row in rows.only(*_COLUMNS)}
    rows = rows.extra(select={"place": "ctid::text", "written_by": "xmin::text"}).only(*_COLUMNS)
    types = {row.name: _of(row, row.place, row.written_by) for row in rows}  # type: ignore[attr-defined]
    if len(_known) > _KEPT:
        _known.clear()
    _known.update({(app.pk, name): known for name, known in types.items() if known.emitted})
    return types


def mark_emitted(types: Iterable[KnownType]) -> None:
    """In a transaction that is about to emit these: what has never been emitted is from now on.

    Waits for whoever is changing or deleting one of them; what they are now is to be read afterwards.
    """
    new = EventType.objects.filter(pk__in=[known.id for known in types if not known.emitted], first_emitted_at=None)
    # In one order, so that two first emissions of several types wait for each other instead of deadlocking.
    ids = list(new.select_for_update().order_by("pk").values_list("pk", flat=True))
    EventType.objects.filter(pk__in=ids).update(first_emitted_at=timezone.now())


def _of(row: EventType, place: str | None = None, written_by: str | None = None) -> KnownType:
    text = None
    if row.schema is not None:
        try:
            text = text_of_schema(row.schema)
        except SchemaRefused:  # stored before a rule that it breaks: whoever emits it is told
            pass
    emitted = row.built_in or row.first_emitted_at is not None
    return KnownType(row.pk, row.name, row.schema, text, emitted, place, written_by)


def unchanged(types: Mapping[str, KnownType]) -> tuple[str, Sequence[object]]:
    """The SQL condition that all of these are as remembered, and its parameters."""
    if len(types) == 1:
        [known] = types.values()
        return (
            "exists (select from events_eventtype where id = %s::uuid and ctid = %s::tid and xmin = %s::xid)",
            [known.id, known.place, known.written_by],
        )
    return (
        "(select count(*) from events_eventtype t join unnest(%s::uuid[], %s::text[], %s::text[]) "
        "k(id, place, written_by) on t.id = k.id and t.ctid = k.place::tid and t.xmin = k.written_by::xid) "
        "= %s::bigint",
        [
            [known.id for known in types.values()],
            [known.place for known in types.values()],
            [known.written_by for known in types.values()],
            len(types),
        ],
    )
