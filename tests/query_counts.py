"""How many queries a page makes, recorded in query_counts.json so that one more is seen in review (style.md 23).

`UPDATE_QUERY_COUNTS=1 make test ARGS=…` writes what the tests that ran have counted.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

_FILE = Path(__file__).with_name("query_counts.json")


def assert_query_count(name: str, client: Client, path: str, add_rows: Callable[[], object] | None = None) -> None:
    """GET of `path` makes as many queries as are recorded under `name`, and as many after `add_rows()`."""
    count = _count(client, path)
    recorded = json.loads(_FILE.read_text())
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        recorded[name] = count
        _FILE.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
    assert (name, count) == (name, recorded.get(name)), "see tests/query_counts.py"
    if add_rows is not None:
        add_rows()
        assert (name, _count(client, path)) == (name, count), "the count grows with the rows"


def _count(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer: HttpResponse = client.get(path)  # type: ignore[assignment]
    assert answer.status_code == 200, path
    return len(queries)
