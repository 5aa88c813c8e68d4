"""`app.*`: changes of an app and of its keys (webhooks/app_setup.py, webhooks/api_keys.py), and its end.

The environment is that of the page or key by which it was done; an app's end is told in both.
"""

import datetime as dt

from django.dispatch import receiver
from django.utils import timezone

from events.models import Event
from events.sources.emitting import emit_built_in
from switera_webhooks.times import iso
from webhooks.happenings import ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated, AppUpdated, happened
from webhooks.models import ApiKey, App

APP_DELETED = "app.deleted"
# What a key is for: there is one kind.
_KIND = "secret"


@receiver(happened, sender=AppUpdated)
def _updated(happening: AppUpdated, **_: object) -> None:
    app = happening.app
    data = {
        **_named(app),
        "changed_fields": list(happening.changed_fields),
        "updated_at": iso(app.updated_at),
    }
    emit_built_in(app, "app.updated", data, environment=happening.actor.environment)


def emit_app_deleted(app: App, environment: str, deleted_at: dt.datetime) -> Event | None:
    """The last event of an app in this environment; deliveries/app_deletion.py sends it."""
    return emit_built_in(app, APP_DELETED, {**_named(app), "deleted_at": iso(deleted_at)}, environment=environment)


@receiver(happened, sender=ApiKeyCreated)
def _key_created(happening: ApiKeyCreated, **_: object) -> None:
    data = {**_key(happening.key), "prefix": happening.key.prefix, "created_by": happening.actor.id or None}
    emit_built_in(happening.key.app, "app.api_key.created", data, environment=happening.actor.environment)


@receiver(happened, sender=ApiKeyRotated)
def _key_rotated(happening: ApiKeyRotated, **_: object) -> None:
    key, previous = happening.key, happening.previous
    ends = previous.expires_at
    data = {
        **_key(key),
        "previous_key_id": previous.public_id,
        "prefix": key.prefix,
        # Null where there is no overlap: the old key does not work any more.
        "old_key_expires_at": iso(ends) if ends is not None and ends > timezone.now() else None,
    }
    emit_built_in(key.app, "app.api_key.rotated", data, environment=happening.actor.environment)


@receiver(happened, sender=ApiKeyRevoked)
def _key_revoked(happening: ApiKeyRevoked, **_: object) -> None:
    data = {**_key(happening.key), "revoked_by": happening.actor.id or None}
    emit_built_in(happening.key.app, "app.api_key.revoked", data, environment=happening.actor.environment)


def _named(app: App) -> dict[str, object]:
    return {"id": app.public_id, "name": app.name, "slug": app.slug}


def _key(key: ApiKey) -> dict[str, object]:
    return {"key_id": key.public_id, "kind": _KIND, "environment": key.environment, "last4": key.last4}
