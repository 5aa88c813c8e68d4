"""The filters `after` and `before` of lists whose ids tell the time (UUIDv7, RFC 9562)."""

import datetime as dt
from typing import TypeVar

from django.db.models import Model, QuerySet

from switera_webhooks.ids import first_id_at

Row = TypeVar("Row", bound=Model)

# How far a row's id and its created_at may be apart: clocks differ, and a long transaction keeps its first time.
_SLACK = 3_600_000  # milliseconds


def created_between(rows: QuerySet[Row], after: dt.datetime | None, before: dt.datetime | None) -> QuerySet[Row]:
    """The rows created later than `after` and earlier than `before`, where given.

    The id is bounded as well, so that the index by id, which serves the order, also ends the search.
    """
    if after is not None:
        rows = rows.filter(created_at__gt=after)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    return ids_between(rows, after, before)


def ids_between(rows: QuerySet[Row], after: dt.datetime | None, before: dt.datetime | None) -> QuerySet[Row]:
    """The same and some around them, as ids alone can tell."""
    if after is not None:
        rows = rows.filter(id__gte=first_id_at(after, -_SLACK))
    if before is not None:
        rows = rows.filter(id__lt=first_id_at(before, _SLACK))
    return rows
