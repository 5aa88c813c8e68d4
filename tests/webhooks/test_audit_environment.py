"""Entries from before the audit log knew environments: each comes into that of its target."""

from importlib import import_module

import pytest
from django.apps import apps

from deliveries.delivery_actions import retry_delivery
from deliveries.delivery_filter import DeliveryFilter
from deliveries.models import Delivery, ReplayKind
from deliveries.replays import start_replay
from tests.factories import ACTOR, make_app, make_delivery, make_endpoint, make_event, make_key
from webhooks.models import AuditEntry


@pytest.mark.django_db
def test_older_entries_are_put_where_their_target_is(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app().app
    for environment in ("live", "test"):
        make_key(app, environment)
        endpoint = make_endpoint(app, environment=environment)
        for _ in range(2):
            retry_delivery(make_delivery(make_event(app, environment=environment), endpoint, "failed"), ACTOR)
        start_replay(app, environment, ReplayKind.ALL, DeliveryFilter(endpoint_id=endpoint.pk), ACTOR)
    gone = Delivery.objects.filter(environment="test").latest("created_at")
    of_gone = gone.public_id
    told = {entry.pk: entry.environment for entry in AuditEntry.objects.exclude(target_id=of_gone)}
    gone.delete()
    AuditEntry.objects.update(environment="live")
    migration = import_module("webhooks.migrations.0004_fill_audit_environment")
    monkeypatch.setattr(migration, "_BATCH", 2)

    migration.fill(apps, None)

    assert sorted(told.values()).count("test") == 4
    assert {entry.pk: entry.environment for entry in AuditEntry.objects.filter(pk__in=told)} == told
    assert AuditEntry.objects.get(target_id=of_gone).environment == "live"
