"""Operators who look at an app that they are no member of: on record, once an hour for each app and operator."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from switera_webhooks.environments import Environment
from webhooks import audit
from webhooks.audit import Actor
from webhooks.audit_log import AuditFilter, audit_entries
from webhooks.models import App

_ONCE_IN = dt.timedelta(hours=1)


def record_support_view(app: App, actor: Actor) -> None:
    """Write an entry, unless this actor has one of the last hour. One query where there is one already."""
    if _is_on_record(app, actor):
        return
    with transaction.atomic():
        # The app's row is the lock, as a page and its parts may be asked for at once.
        App.objects.select_for_update(no_key=True).get(pk=app.pk)
        if not _is_on_record(app, actor):
            audit.record(app, actor, "support.viewed", target_type="app", target_id=app.public_id, target_name=app.name)


def _is_on_record(app: App, actor: Actor) -> bool:
    lately = AuditFilter(action="support.viewed", actor=actor.id, after=timezone.now() - _ONCE_IN)
    return audit_entries(app, Environment.LIVE, lately).exists()
