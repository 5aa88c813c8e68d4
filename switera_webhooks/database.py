"""What a database connection needs beyond Django's own set-up."""

import datetime as dt
from typing import Any

from django.db import connection as default_connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from switera_webhooks.ids import new_id


def on_connection_created(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give SQLite the function that PostgreSQL has from a migration: a new UUIDv7 inside a statement."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("switera_uuid7", 0, lambda: new_id().hex)


def database_now() -> dt.datetime:
    """The database's clock, so that times written by several machines compare; SQLite is on this machine."""
    if default_connection.vendor == "sqlite":
        return timezone.now()
    with default_connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        row: tuple[dt.datetime] = cursor.fetchone()
    return row[0]
