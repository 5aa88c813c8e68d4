"""Ids: UUIDv7 keys inside (RFC 9562), TypeIDs at the edge (a prefix and the same UUID in base32).

A TypeID is opaque to users and sorts by time, as its UUID does: `evt_01m84w1vmver3skjvqwnncx601`.
"""

import uuid
from enum import StrEnum

import uuid_utils
import uuid_utils.compat
from typeid import TypeID
from typeid.errors import TypeIDException


class Prefix(StrEnum):
    """What an id is of."""

    APP = "app"
    ORGANIZATION = "org"
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


def to_public_id(prefix: Prefix, key: uuid.UUID) -> str:
    """The id as users see it."""
    return str(TypeID.from_uuid(uuid_utils.UUID(bytes=key.bytes), prefix=prefix.value))


def from_public_id(prefix: Prefix, text: str) -> uuid.UUID | None:
    """The key behind a public id; None where the text is not an id of that kind."""
    try:
        parsed = TypeID.from_string(text)
    except TypeIDException:
        return None
    return uuid.UUID(bytes=parsed.uuid_bytes) if parsed.prefix == prefix.value else None
