"""Lists as pages by a key, not by an offset: rows that arrive meanwhile shift nothing.

A cursor says from which key on, and in which direction. It is opaque to clients: `[A-Za-z0-9_-]+`.
"""

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet, UUIDField
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from switera_webhooks.api.errors import invalid_fields
from switera_webhooks.api.fields import QueryWholeNumberField

DEFAULT_LIMIT = 50
MAX_LIMIT = 250
_CURSOR = re.compile(r"[A-Za-z0-9_-]{2,400}")
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Cursor:
    """Where a page begins: after `key`, or with it where `inclusive`; `backward` goes to the page before."""

    key: str
    backward: bool
    inclusive: bool = False

    def encode(self) -> str:
        letter = "p" if self.backward else "n"
        text = (letter.upper() if self.inclusive else letter) + self.key
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor | None":
        """The cursor behind the text; None where we never made such a one."""
        if not _CURSOR.fullmatch(text):
            return None
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        letter, key = plain[:1], plain[1:]
        if letter not in ("n", "N", "p", "P") or not key.isprintable():
            return None
        return cls(key, letter in "pP", letter.isupper())


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of a page in the list's order, and the cursors of the pages beside it."""

    items: Sequence[Row]
    next: str | None
    previous: str | None

    def answer(self, shape: serializers.BaseSerializer[Row]) -> dict[str, object]:
        """The list as it is answered, each row in this shape."""
        return {
            "items": [shape.to_representation(item) for item in self.items],
            "next": self.next,
            "previous": self.previous,
        }


class ListQuery(serializers.Serializer[Any]):
    """Query parameters of every list."""

    limit = QueryWholeNumberField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="How many at most."
    )
    cursor = serializers.CharField(
        required=False, help_text="The `next` or `previous` of an earlier answer, with the same filters."
    )


def paginate(rows: QuerySet[Row], query: dict[str, Any], *, order: str) -> Page[Row]:
    """One page of `rows` by a unique field (`-id`: newest first). One query. Raises InvalidInput (cursor)."""
    field = order.removeprefix("-")
    cursor = _cursor(rows, field, query.get("cursor"))
    backward = cursor is not None and cursor.backward
    descending = order.startswith("-") != backward
    if cursor is not None:
        comparison = ("lt" if descending else "gt") + ("e" if cursor.inclusive else "")
        rows = rows.filter(**{f"{field}__{comparison}": cursor.key})
    limit: int = query["limit"]
    found = list(rows.order_by(f"-{field}" if descending else field)[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    if backward:
        found.reverse()
    before = _beside(found[:1], field, cursor, backward=True)
    after = _beside(found[-1:], field, cursor, backward=False)
    if backward:
        return Page(found, next=after, previous=before if more else None)
    return Page(found, next=after if more else None, previous=before if cursor else None)


def _beside(edge: Sequence[Row], field: str, cursor: Cursor | None, *, backward: bool) -> str | None:
    """The cursor of the page beside this one; from an empty page the way back begins at its own cursor."""
    if edge:
        return Cursor(str(getattr(edge[0], field)), backward).encode()
    if cursor is None:
        return None
    return Cursor(cursor.key, backward, inclusive=not cursor.inclusive).encode()


def _cursor(rows: QuerySet[Row], field: str, text: str | None) -> Cursor | None:
    if text is None:
        return None
    cursor = Cursor.decode(text)
    by_id = isinstance(rows.model._meta.get_field(field), UUIDField)
    if cursor is None or (by_id and not _is_uuid(cursor.key)):
        raise invalid_fields({"cursor": ["Give the next or previous of an earlier answer, unchanged."]})
    return cursor


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def page_of(name: str, shape: serializers.BaseSerializer[Any]) -> serializers.Serializer[Any]:
    """The OpenAPI component of a list of this shape."""
    return inline_serializer(
        name,
        {
            "items": serializers.ListField(child=shape),
            "next": serializers.CharField(allow_null=True, help_text="Cursor of the page after this one."),
            "previous": serializers.CharField(allow_null=True, help_text="Cursor of the page before."),
        },
    )
