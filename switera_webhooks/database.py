"""The database: its clock, and connections that were lost while they were not used."""

import datetime as dt
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

Answer = TypeVar("Answer")


def database_now() -> dt.datetime:
    """The database's clock, so that times written by several machines compare; SQLite is on this machine."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        row: tuple[dt.datetime] = cursor.fetchone()
    return row[0]


def survive_lost_connection(ask: Callable[[], Answer]) -> Answer:
    """Ask the database something that changes nothing; once more, on a new connection, where this one was lost.

    For a request's first question. Finding out so that a kept connection was lost (the database was restarted, or
    something between cut it off) saves the `SELECT 1` by which Django would find out at every request.
    """
    if connection.in_atomic_block:
        return ask()
    connection.health_check_done = True
    try:
        return ask()
    except (OperationalError, InterfaceError):
        if connection.connection is not None and connection.is_usable():
            raise
        connection.close()
    return ask()
