"""The plans of the engine's statements with millions of delivered rows in the tables, as PostgreSQL ran them.

`auto_explain` tells them on the engine's own connection, so they are those of the prepared statements, and not of an
EXPLAIN beside them. Not one of the benchmarks: `python -m benchmarks.plans 10000000 > docs/plans.md`.
"""

import datetime as dt
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import connection
from psycopg.errors import Diagnostic

from benchmarks.stack import postgresql_and_redis

if TYPE_CHECKING:
    from deliveries.engine.statements import Claimed, Result

_EXPLAIN = """
load 'auto_explain';
set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on; set auto_explain.log_timing = off;
set auto_explain.log_buffers = on; set auto_explain.log_level = notice;
"""


def plans(rows: int) -> None:
    """Print the plan of each statement, with `rows` delivered rows, and 20,000 that are due on 10 lanes."""
    from benchmarks.history import InstantSender, grow
    from benchmarks.seed import backlog, seed_app
    from deliveries.engine.drain import Engine
    from deliveries.engine.statements import statements
    from deliveries.models import Delivery

    app = seed_app([f"http://127.0.0.1:9/{number}" for number in range(10)])
    backlog(app, 100)
    engine = Engine(InstantSender)
    engine.drain(None)
    grow(rows - 1_000)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("select version(), pg_size_pretty(pg_database_size(current_database()))")
        version, size = cursor.fetchone()
    backlog(app, 2_000)
    backlog(app, 10, fan_out=False)
    hot = statements()
    hot.prepare_connection()
    for _ in range(8):  # the statements are prepared, and what a process knows is known
        hot.finish([_result(claim) for claim in hot.claim(256, 25)])
    told: list[str] = []
    connection.connection.add_notice_handler(lambda notice: told.append(_plan(notice)))
    connection.connection.execute(_EXPLAIN)
    claimed = []

    def claim() -> None:
        claimed.extend(hot.claim(256, 25))

    print("# Plans with ten million rows" if rows == 10_000_000 else f"# Plans with {rows:,} rows")
    print(
        f"`python -m benchmarks.plans {rows}`: {Delivery.objects.count():,} deliveries with an attempt each, ", end=""
    )
    print(f"a database of {size}, 20,000 of them due on 10 lanes. {version.split(' on ')[0]}.")
    steps: dict[str, Callable[[], object]] = {
        "Whether there is work": hot.waiting,
        "Fan-out of 10 events to 10 endpoints": lambda: hot.fan_out(100),
        "Claim of 256": claim,
        "Finish of 256": lambda: hot.finish([_result(each) for each in claimed]),
        "Sweep: leases that ran out": lambda: hot.expired(100),
        "Sweep: what waits on lanes of deleted endpoints": hot.cancel_closed,
        "Sweep: slots counted again": hot.recount,
        "A page of an app's deliveries": lambda: list(
            Delivery.objects.filter(app=app, environment="live").order_by("-id")[:51]
        ),
        "A page of an endpoint's deliveries": lambda: list(
            Delivery.objects.filter(endpoint=app.endpoints.first()).order_by("-id")[:51]
        ),
    }
    for title, step in steps.items():
        told.clear()
        step()
        print(f"\n## {title}\n```\n{max(told, key=len)}\n```")


def _result(claim: "Claimed") -> "Result":
    from deliveries.engine.statements import Result

    return Result(
        claim.delivery_id, claim.lease, dt.datetime.now(dt.UTC), 5, True, None, 0, 0, 204, "[]", "", False, "", "",
        False, False, None,
    )  # fmt: skip


def _plan(notice: Diagnostic) -> str:
    """Without the text of the statement, which the code has."""
    text = notice.message_primary or ""
    duration = re.match(r"duration: ([\d.]+) ms", text)
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if re.search(r"\(cost=", line)), 0)
    return f"{duration[1] if duration else '?'} ms\n" + "\n".join(line.rstrip() for line in lines[start:])


if __name__ == "__main__":
    with postgresql_and_redis() as stack:
        stack.use_here()
        plans(int(sys.argv[1]))
