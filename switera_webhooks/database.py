"""What a database connection needs beyond Django's own set-up."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from switera_webhooks.ids import new_id


def on_connection_created(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give SQLite the function that PostgreSQL has from a migration: a new UUIDv7 inside a statement."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("switera_uuid7", 0, lambda: new_id().hex)
