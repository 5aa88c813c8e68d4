"""Indexes that come after their table: beside writes on PostgreSQL, and only where they are missing."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Index, Model, Q

from deliveries.models import Attempt, Delivery
from events.models import Event
from switera_webhooks.big_indexes import AddIndexBesideWrites
from webhooks.models import AuditEntry

pytestmark = pytest.mark.django_db
OPERATION = AddIndexBesideWrites(
    "event",
    Index(
        fields=["organization", "environment", "-id"],
        condition=Q(organization__isnull=False),
        name="event_of_organization",
    ),
)


def statements(direction: str) -> list[str]:
    """What the operation would run on the database as it is."""
    editor = connection.schema_editor(collect_sql=True, atomic=False)
    state: Any = SimpleNamespace(apps=apps)
    getattr(OPERATION, f"database_{direction}")("events", editor, state, state)
    return [statement.split(" ON ")[0].rstrip(";") for statement in editor.collected_sql]


def drop_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("drop index event_of_organization")


def test_an_index_that_is_there_stays() -> None:
    assert statements("forwards") == []


def test_one_that_is_missing_is_built_beside_writes_where_that_is_possible() -> None:
    drop_index()

    if connection.vendor == "postgresql":
        assert statements("forwards") == [
            'drop index concurrently if exists "event_of_organization"',
            'CREATE INDEX CONCURRENTLY "event_of_organization"',
        ]
    else:
        assert statements("forwards") == ['CREATE INDEX "event_of_organization"']


def test_back_it_goes_where_it_is() -> None:
    beside_writes = "concurrently " if connection.vendor == "postgresql" else ""
    assert statements("backwards") == [f'drop index {beside_writes}if exists "event_of_organization"']


@pytest.mark.parametrize("model", [Event, Delivery, Attempt, AuditEntry])
def test_a_migrated_database_has_every_index_of_the_big_tables(model: type[Model]) -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)

    assert {index.name for index in model._meta.indexes} <= set(found)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_index where not indisvalid")
            assert cursor.fetchone() == (0,)
