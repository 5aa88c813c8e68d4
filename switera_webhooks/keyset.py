"""Lists as pages by a key, not by an offset: rows that arrive meanwhile shift nothing. For the REST API and the pages.

A cursor says from which key on, and in which direction. It is opaque to clients: `[A-Za-z0-9_-]+`.
"""

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet, UUIDField

_CURSOR = re.compile(r"[A-Za-z0-9_-]{2,400}")
Row = TypeVar("Row", bound=Model)


class UnknownCursor(ValueError):
    """The text is no cursor that we made for such a list."""


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
class KeysetPage(Generic[Row]):
    """The rows of a page in the list's order, and the cursors of the pages beside it."""

    items: Sequence[Row]
    next: str | None
    previous: str | None


def keyset_page(rows: QuerySet[Row], *, cursor: str | None, limit: int, order: str) -> KeysetPage[Row]:
    """One page of `rows` by a unique field (`-id`: newest first). One query. Raises UnknownCursor."""
    field = order.removeprefix("-")
    start = None if cursor is None else decoded_cursor(rows, field, cursor)
    backward = start is not None and start.backward
    descending = order.startswith("-") != backward
    if start is not None:
        comparison = ("lt" if descending else "gt") + ("e" if start.inclusive else "")
        rows = rows.filter(**{f"{field}__{comparison}": start.key})
    found = list(rows.order_by(f"-{field}" if descending else field)[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    if backward:
        found.reverse()
    before = _beside(found[:1], field, start, backward=True)
    after = _beside(found[-1:], field, start, backward=False)
    if backward:
        return KeysetPage(found, next=after, previous=before if more else None)
    return KeysetPage(found, next=after if more else None, previous=before if start else None)


def _beside(edge: Sequence[Row], field: str, cursor: Cursor | None, *, backward: bool) -> str | None:
    """The cursor of the page beside this one; from an empty page the way back begins at its own cursor."""
    if edge:
        return Cursor(str(getattr(edge[0], field)), backward).encode()
    if cursor is None:
        return None
    return Cursor(cursor.key, backward, inclusive=not cursor.inclusive).encode()


def decoded_cursor(rows: QuerySet[Row], field: str, text: str) -> Cursor:
    """The cursor behind the text, for a list of these rows by this field. Raises UnknownCursor."""
    cursor = Cursor.decode(text)
    by_id = isinstance(rows.model._meta.get_field(field), UUIDField)
    if cursor is None or (by_id and not _is_uuid(cursor.key)):
        raise UnknownCursor(text[:100])
    return cursor


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
