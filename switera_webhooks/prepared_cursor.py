"""A cursor of psycopg whose statements are prepared and answered in binary. Imported where PostgreSQL is used."""

from typing import Any

import psycopg
from psycopg.abc import Params, Query


class PreparedCursor(psycopg.Cursor[tuple[Any, ...]]):
    """Binds values at the server, other than Django's cursor, which writes them into the statement's text."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        if connection.prepare_threshold is None:  # as Django sets it; its own cursor never prepares anything
            connection.prepare_threshold = 0
        super().__init__(connection)

    def execute(
        self, query: Query, params: Params | None = None, *, prepare: bool | None = True, binary: bool | None = True
    ) -> "PreparedCursor":
        return super().execute(query, params, prepare=prepare, binary=binary)
