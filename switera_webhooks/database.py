"""The database's clock."""

import datetime as dt

from django.db import connection
from django.utils import timezone


def database_now() -> dt.datetime:
    """The database's clock, so that times written by several machines compare; SQLite is on this machine."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        row: tuple[dt.datetime] = cursor.fetchone()
    return row[0]
