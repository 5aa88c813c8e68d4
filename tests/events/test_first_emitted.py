"""Types from before it was written down that they were emitted."""

import datetime as dt
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone
from pytest_django import Settings

from events.emit import emit
from events.event_types import delete_event_type, sync_event_catalog
from events.models import EventType
from switera_webhooks.refusals import Conflict
from tests.factories import ACTOR, make_app, make_event_type


@pytest.mark.django_db
def test_a_type_counts_as_emitted_if_an_event_says_so_or_none_could_any_more(settings: Settings) -> None:
    settings.WEBHOOKS_RETENTION_DAYS = 30
    sync_event_catalog()
    app = make_app().app
    for name in ("order.emitted", "order.new", "order.old"):
        make_event_type(app, name)
    event = emit(app, "order.emitted", {})
    old = timezone.now() - dt.timedelta(days=31)
    EventType.objects.exclude(app=app, name="order.new").update(created_at=old)
    EventType.objects.update(first_emitted_at=None)

    import_module("events.migrations.0007_fill_first_emitted").mark_emitted_types(apps, None)

    moments = dict(EventType.objects.filter(app=app).order_by("name").values_list("name", "first_emitted_at"))
    assert moments == {"order.emitted": event.created_at, "order.new": None, "order.old": old}
    assert not EventType.objects.filter(app=None).exclude(first_emitted_at=None).exists()
    with pytest.raises(Conflict, match="has been emitted"):
        delete_event_type(EventType.objects.get(app=app, name="order.old"), ACTOR)
    delete_event_type(EventType.objects.get(app=app, name="order.new"), ACTOR)
    assert EventType.objects.filter(app=app).count() == 2
