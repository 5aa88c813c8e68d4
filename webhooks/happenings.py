"""What happens to an app and to what is its own, told inside the transaction of the change.

A Django signal serves one purpose here: the sources of built-in events listen (events/sources). Whoever acts says
`tell(ApiKeyRevoked(key, actor))`, and knows nothing of events.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.dispatch import Signal

from webhooks.audit import Actor
from webhooks.models import ApiKey, App, Endpoint

# Sent with the happening's class as sender, and the happening itself as `happening`.
happened = Signal()


def tell(happening: object) -> None:
    """Call every receiver of this kind of happening; what one raises reaches the caller, and undoes the change."""
    happened.send(sender=type(happening), happening=happening)


@dataclass(frozen=True)
class AppUpdated:
    app: App
    changed_fields: Sequence[str]
    actor: Actor


@dataclass(frozen=True)
class ApiKeyCreated:
    """Not told of the keys that are made together with their app."""

    key: ApiKey
    actor: Actor


@dataclass(frozen=True)
class ApiKeyRotated:
    """`key` took the place of `previous`, which has its `expires_at`."""

    key: ApiKey
    previous: ApiKey
    actor: Actor


@dataclass(frozen=True)
class ApiKeyRevoked:
    key: ApiKey
    actor: Actor


@dataclass(frozen=True)
class EndpointCreated:
    endpoint: Endpoint
    actor: Actor


@dataclass(frozen=True)
class EndpointUpdated:
    """`changed_fields` as the REST API names them; `secret` where it was rotated."""

    endpoint: Endpoint
    changed_fields: Sequence[str]
    actor: Actor


@dataclass(frozen=True)
class EndpointDeleted:
    endpoint: Endpoint
    actor: Actor


@dataclass(frozen=True)
class EndpointDisabled:
    """`failing_since`: none where it did not fail; `failed_deliveries` have failed for good since then."""

    endpoint: Endpoint
    failing_since: dt.datetime | None
    failed_deliveries: int
    actor: Actor
