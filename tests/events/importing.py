"""What the tests of imported catalogs share: an app's types, and an import that is refused."""

from typing import Any

import pytest

from events.documents.importing import import_catalog
from events.models import EventType
from switera_webhooks.refusals import InvalidInput, Refusal
from tests.factories import ACTOR
from webhooks.models import App, AuditEntry


def types_of(app: App) -> list[dict[str, Any]]:
    fields = ("name", "description", "schema", "example", "deprecated")
    return list(EventType.objects.filter(app=app).order_by("name").values(*fields))


def refused(app: App, document: object, kind: type[Refusal] = InvalidInput) -> Refusal:
    """The refusal of an import that has changed nothing."""
    before, entries = types_of(app), AuditEntry.objects.count()
    with pytest.raises(kind) as caught:
        import_catalog(app, document, ACTOR)
    assert (types_of(app), AuditEntry.objects.count()) == (before, entries)
    return caught.value
