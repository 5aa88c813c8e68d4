"""Rotating the encryption key while the service runs (S29): what older keys encrypted comes under the first one.

A batch is a short transaction that locks its rows: whoever edits one of them waits for milliseconds, and what was
written meanwhile is what is read. What endpoints, receivers and workers see is the same text, so nothing else changes.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from switera_webhooks.encryption import CannotDecrypt, under_first_key
from webhooks.models import Endpoint, EndpointSecret

# Rows of a transaction: a value takes some 50 microseconds.
ROWS_AT_ONCE = 200

_FIRST_ID = uuid.UUID(int=0)


@dataclass(frozen=True)
class Rotated:
    """Values that a run came to: `secrets` of endpoints and values of custom `headers` that were encrypted anew,
    those that were under the first key `already`, and those that no configured key opens, `unreadable`."""

    secrets: int = 0
    headers: int = 0
    already: int = 0
    unreadable: int = 0
    more: bool = False

    def __add__(self, other: "Rotated") -> "Rotated":
        return Rotated(
            self.secrets + other.secrets,
            self.headers + other.headers,
            self.already + other.already,
            self.unreadable + other.unreadable,
            self.more or other.more,
        )


def rotate_encryption_key(enough: Callable[[], bool] = lambda: False) -> Rotated:
    """Encrypt anew all that is not under the first of WEBHOOKS_ENCRYPTION_KEYS, until `enough` says so after a batch.

    Safe to repeat: a further run finds what processes wrote that did not have the new key yet.
    """
    rotated = Rotated()
    for rotate_batch in (_secrets, _headers):
        after: uuid.UUID | None = _FIRST_ID
        while after is not None:
            batch, after = rotate_batch(after)
            rotated += batch
            if after is not None and enough():
                return rotated + Rotated(more=True)
    return rotated


def _secrets(after: uuid.UUID) -> tuple[Rotated, uuid.UUID | None]:
    """One batch of secrets with ids beyond `after`, and where the next one begins: None at the end."""
    with transaction.atomic():
        locked = EndpointSecret.objects.select_for_update(no_key=True).filter(pk__gt=after).order_by("pk")
        rows = list(locked[:ROWS_AT_ONCE])
        counts = _Counts()
        for row in rows:
            ciphertext = counts.renewed(row.ciphertext)
            if ciphertext is not None:
                row.ciphertext = ciphertext
                row.save(update_fields=["ciphertext"])
    rotated = Rotated(counts.renewals, 0, counts.already, counts.unreadable)
    return rotated, rows[-1].pk if len(rows) == ROWS_AT_ONCE else None


def _headers(after: uuid.UUID) -> tuple[Rotated, uuid.UUID | None]:
    """The same of endpoints with custom headers."""
    with transaction.atomic():
        locked = Endpoint.objects.select_for_update(no_key=True).filter(pk__gt=after).exclude(headers={})
        rows = list(locked.order_by("pk")[:ROWS_AT_ONCE])
        counts = _Counts()
        for row in rows:
            headers = {name: counts.renewed(value) or value for name, value in row.headers.items()}
            if headers != row.headers:
                row.headers = headers
                row.save(update_fields=["headers"])
    rotated = Rotated(0, counts.renewals, counts.already, counts.unreadable)
    return rotated, rows[-1].pk if len(rows) == ROWS_AT_ONCE else None


class _Counts:
    """Tokens of one batch, by what became of them."""

    def __init__(self) -> None:
        self.renewals = self.already = self.unreadable = 0

    def renewed(self, token: str) -> str | None:
        """The token to write in place of this one; None where it is to stay."""
        try:
            new = under_first_key(token)
        except CannotDecrypt:
            self.unreadable += 1
            return None
        if new is None:
            self.already += 1
        else:
            self.renewals += 1
        return new
