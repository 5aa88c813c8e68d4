"""What a person's id is of: a public id, the same without its prefix, or a UUID as the database shows it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Model

from deliveries.models import Attempt, Delivery, Replay
from events.models import Event
from switera_webhooks.ids import Prefix, from_public_id, to_public_id
from webhooks.models import (
    ApiKey,
    App,
    AuditEntry,
    Endpoint,
    Invitation,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)

# In the order in which an id without a prefix is looked for.
MODELS: Mapping[Prefix, type[Model]] = {
    Prefix.DELIVERY: Delivery,
    Prefix.EVENT: Event,
    Prefix.ATTEMPT: Attempt,
    Prefix.ENDPOINT: Endpoint,
    Prefix.APP: App,
    Prefix.ORGANIZATION: Organization,
    Prefix.MEMBER: OrganizationMember,
    Prefix.INVITATION: Invitation,
    Prefix.DOMAIN: OrganizationDomain,
    Prefix.API_KEY: ApiKey,
    Prefix.JOB: Replay,
    Prefix.AUDIT_ENTRY: AuditEntry,
}


@dataclass(frozen=True)
class Named:
    """The kind of object that an id is of, and its key."""

    prefix: Prefix
    key: uuid.UUID

    @property
    def public_id(self) -> str:
        return to_public_id(self.prefix, self.key)

    @property
    def model(self) -> type[Model]:
        return MODELS[self.prefix]


def read_id(text: str) -> Named | None:
    """What the text names; None where it is no id, or one without a prefix that nothing has.

    A prefix says the kind by itself, whether or not the object is there: no query. Without one, each kind is looked
    for by its key until one is found: twelve look-ups at most.
    """
    text = text.strip()
    for prefix in MODELS:
        key = from_public_id(prefix, text)
        if key is not None:
            return Named(prefix, key)
    key = _bare_key(text)
    if key is None:
        return None
    for prefix, model in MODELS.items():
        if model._default_manager.filter(pk=key).exists():
            return Named(prefix, key)
    return None


def _bare_key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return from_public_id(Prefix.APP, f"{Prefix.APP}_{text}")
