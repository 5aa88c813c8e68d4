"""A cursor of psycopg whose statements are prepared and answered in binary. Imported where PostgreSQL is used."""

from collections.abc import Sequence
from typing import Any

import psycopg


class PreparedCursor(psycopg.Cursor[tuple[Any, ...]]):
    """Binds values at the server, other than Django's cursor, which writes them into the statement's text."""

    def run(self, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """Execute the statement; gives its rows."""
        connection = self.connection
        # Back afterwards: the engine tells by it which connections it has set up.
        before, connection.prepare_threshold = connection.prepare_threshold, 0
        try:
            self.execute(statement.encode(), parameters, prepare=True, binary=True)
        finally:
            connection.prepare_threshold = before
        return self.fetchall()
