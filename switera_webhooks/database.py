"""The database: its clock, statements that every request runs, and connections that were lost while kept."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections, transaction
from django.db.backends.utils import CursorDebugWrapper
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


def use_indexes() -> None:
    """For this transaction: statistics from when a table was small must not make a batch read all of a grown one.

    A plan that still reads a whole table then counts as dear, and PostgreSQL would compile it: 0.3 s for 2 ms of work.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("set local enable_seqscan = off; set local jit = off")


@contextmanager
def whole_tables_left_alone() -> Iterator[None]:
    """For reads of a range of a big table: PostgreSQL joins by indexes, whatever its statistics make it believe.

    In a transaction, unless one is open already. SQLite joins by indexes anyway, and a transaction would keep writers
    waiting: there it is nothing.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        use_indexes()
        yield


def hot_rows(statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """The rows of a statement that is run all the time; the parameters of one for PostgreSQL need casts.

    PostgreSQL plans it once a connection, and answers in binary (measured, the look-up of an API key: 145 instead of
    420 microseconds). Everything else is as with Django's own cursor.
    """
    database = connections[DEFAULT_DB_ALIAS]  # once: the proxy `connection` takes microseconds at each use
    if database.vendor != "postgresql":
        with database.cursor() as cursor:
            cursor.execute(statement, cast("Sequence[str]", parameters))
            return list(cursor.fetchall())
    from switera_webhooks.prepared_cursor import PreparedCursor

    database.close_if_health_check_failed()
    database.ensure_connection()
    with database.wrap_database_errors, PreparedCursor(database.connection) as prepared:
        # Where Django keeps a log of statements this one is in it, without its values.
        log = CursorDebugWrapper(prepared, database).debug_sql(statement) if database.queries_logged else nullcontext()
        with log:
            return prepared.run(statement, parameters)


def survive_lost_connection(ask: Callable[[], Answer]) -> Answer:
    """Ask the database something that changes nothing; once more, on a new connection, where this one was lost.

    For a request's first question. Finding out so that a kept connection was lost (the database was restarted, or
    something between cut it off) saves the `SELECT 1` by which Django would find out at every request.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.in_atomic_block:
        return ask()
    database.health_check_done = True  # type: ignore[attr-defined]  # (the stubs lack it)
    try:
        return ask()
    except (OperationalError, InterfaceError):
        if database.connection is not None and database.is_usable():
            raise
        database.close()
    return ask()
