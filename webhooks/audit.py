"""The audit log's recorder: who did what to which object. Called by every action, in its transaction (S46)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser

from switera_webhooks.environments import Environment
from webhooks.models import ApiKey, App, AuditEntry, Endpoint

REDACTED = "[redacted]"


class ActorType(StrEnum):
    BUILDER = "builder"
    API_KEY = "api_key"
    COMMAND = "command"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who acts, as the audit log will tell it; `name` is never a secret (a key is named by its masked form).

    `environment` is that of the key or page: a built-in event that the action causes is of it.
    """

    type: ActorType
    id: str = ""
    name: str = ""
    ip: str | None = None
    environment: str = Environment.LIVE

    @classmethod
    def of_api_key(cls, key: ApiKey, ip: str | None) -> "Actor":
        return cls(ActorType.API_KEY, key.public_id, key.masked, ip, key.environment)

    @classmethod
    def of_user(cls, user: AbstractBaseUser, ip: str | None, environment: str = Environment.LIVE) -> "Actor":
        return cls(ActorType.BUILDER, str(user.pk), user.get_username(), ip, environment)

    @classmethod
    def of_command(cls, name: str) -> "Actor":
        return cls(ActorType.COMMAND, name=f"manage.py {name}")


SYSTEM = Actor(ActorType.SYSTEM, name="Switera")


def record(
    app: App,
    actor: Actor,
    action: str,
    *,
    target_type: str,
    target_id: str,
    target_name: str = "",
    changes: Mapping[str, object] | None = None,
    environment: str = Environment.LIVE,
) -> AuditEntry:
    """Write one entry, in the transaction of what it tells.

    `changes` is {field: [before, after]} and plain facts, secrets already redacted; a fact that is a list is told as
    [None, the list]. `environment` is that of the target: what both environments share is in live, whoever acts.
    """
    return AuditEntry.objects.create(
        app=app,
        environment=environment,
        action=action,
        actor_type=actor.type.value,
        actor_id=actor.id,
        actor_name=actor.name[:254],
        target_type=target_type,
        target_id=target_id,
        target_name=target_name[:200],
        changes=dict(changes or {}),
        ip=actor.ip,
    )


def facts_of_new(values: Mapping[str, object]) -> dict[str, object]:
    """What was set on something new, for `changes`; what was left empty is left out."""
    return {
        name: [None, value] if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None and value not in ("", [], {})
    }


def record_of_endpoint(
    endpoint: Endpoint, actor: Actor, action: str, changes: Mapping[str, object] | None = None
) -> AuditEntry:
    """Write one entry about an endpoint."""
    return record(
        endpoint.app,
        actor,
        action,
        target_type="endpoint",
        target_id=endpoint.public_id,
        target_name=str(endpoint),
        changes=changes,
        environment=endpoint.environment,
    )
