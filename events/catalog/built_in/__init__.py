"""The event types that the product itself emits, declared once; `sync_event_catalog` writes them to the database.

In no payload: passwords or their hashes, tokens, links that sign in, one-time codes, secrets, e-mail bodies.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.catalog.built_in import app, auth, email, organization, webhook
from events.catalog.built_in.declaration import BuiltInType

__all__ = ["BUILT_IN_FAMILIES", "BUILT_IN_TYPES", "BuiltInType", "is_built_in_family"]

BUILT_IN_FAMILIES = ("app", "organization", "auth", "email", "webhook")

BUILT_IN_TYPES: Mapping[str, BuiltInType] = MappingProxyType(
    {event_type.name: event_type for family in (app, organization, auth, email, webhook) for event_type in family.TYPES}
)


def is_built_in_family(name: str) -> bool:
    """Whether an event type of this name belongs to the product, whether it exists or not; Builders choose others."""
    return name.partition(".")[0] in BUILT_IN_FAMILIES
