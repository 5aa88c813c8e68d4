"""Ids: UUIDv7 keys inside (RFC 9562), TypeIDs at the edge (a prefix and the same UUID in base32).

A TypeID is opaque to users and sorts by time, as its UUID does: `evt_01m84w1vmver3skjvqwnncx601`.
"""

import datetime as dt
import uuid
from enum import StrEnum

import uuid_utils.compat
from typeid import TypeID
from typeid.errors import TypeIDException

# Crockford's base32 in lower case, as TypeIDs have it; two digits for each ten bits.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_LAST_MILLISECOND = 2**48 - 1


class Prefix(StrEnum):
    """What an id is of."""

    APP = "app"
    ORGANIZATION = "org"
    MEMBER = "mem"
    INVITATION = "inv"
    DOMAIN = "dom"
    API_KEY = "key"
    ENDPOINT = "ep"
    EVENT = "evt"
    DELIVERY = "dlv"
    ATTEMPT = "att"
    JOB = "job"
    AUDIT_ENTRY = "aud"


def new_id() -> uuid.UUID:
    """A UUIDv7: later ids of a process are greater than earlier ones."""
    return uuid_utils.compat.uuid7()


def first_id_at(moment: dt.datetime, milliseconds: int = 0) -> uuid.UUID:
    """The least UUIDv7 of that moment and so many milliseconds; ids made since are greater, as far as clocks agree."""
    number = int(moment.timestamp() * 1_000) + milliseconds
    return uuid.UUID(int=min(max(number, 0), _LAST_MILLISECOND) << 80)


def made_at(key: uuid.UUID) -> dt.datetime:
    """The moment in a UUIDv7, to the millisecond, by the clock of whoever made it."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=key.int >> 80)


def to_public_id(prefix: Prefix, key: uuid.UUID) -> str:
    """The id as users see it. Written out, ten bits at a time: hot, and half the time of the library's way."""
    n = key.int
    return (
        f"{prefix.value}_{_PAIRS[n >> 120]}{_PAIRS[n >> 110 & 1023]}{_PAIRS[n >> 100 & 1023]}{_PAIRS[n >> 90 & 1023]}"
        f"{_PAIRS[n >> 80 & 1023]}{_PAIRS[n >> 70 & 1023]}{_PAIRS[n >> 60 & 1023]}{_PAIRS[n >> 50 & 1023]}"
        f"{_PAIRS[n >> 40 & 1023]}{_PAIRS[n >> 30 & 1023]}{_PAIRS[n >> 20 & 1023]}{_PAIRS[n >> 10 & 1023]}"
        f"{_PAIRS[n & 1023]}"
    )


def from_public_id(prefix: Prefix, text: str) -> uuid.UUID | None:
    """The key behind a public id; None where the text is not an id of that kind."""
    try:
        parsed = TypeID.from_string(text)
    except TypeIDException:
        return None
    return uuid.UUID(bytes=parsed.uuid_bytes) if parsed.prefix == prefix.value else None
