"""What work costs: time, processor time of workers and PostgreSQL, SQL statements."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
import psycopg

from benchmarks.stack import Stack

POLL_SECONDS = 0.02
# The meter's own statements run under this role, so that they are not counted.
_ROLE = "benchmark_meter"
_WORK_LEFT = """
select exists (select from events_event where dispatched_at is null)
    or exists (select from deliveries_delivery where status = 'pending')
    or exists (select from deliveries_delivery where status = 'sending')
"""
# Without the checks of foreign keys, which PostgreSQL runs by itself when a statement commits.
_STATEMENTS = """
select coalesce(sum(calls), 0)::bigint,
       coalesce(sum(calls) filter (where query like '%%unlocked%%' and rows > 0), 0)::bigint,
       coalesce(sum(rows) filter (where query like '%%unlocked%%'), 0)::bigint
  from pg_stat_statements
 where userid <> %s::regrole and dbid = (select oid from pg_database where datname = current_database())
   and query not like 'SELECT %% FROM ONLY %% FOR KEY SHARE OF x'
"""


class TookTooLong(Exception):
    """Work was not done in time."""


@dataclass(frozen=True)
class Usage:
    """What was used between two moments; processor times in seconds. `claimed` is deliveries a claim, idle ones too."""

    seconds: float
    worker_cpu: float
    postgresql_cpu: float
    statements: int
    claimed: float


class Meter:
    """Looks at one stack's PostgreSQL from aside; a context manager."""

    def __init__(self, stack: Stack) -> None:
        self._connection = psycopg.connect(stack.database_url, autocommit=True)
        self._connection.execute("create extension if not exists pg_stat_statements")
        known = self._connection.execute("select from pg_roles where rolname = %s", [_ROLE]).fetchone()
        if known is None:
            self._connection.execute(f"create role {_ROLE} superuser")
        self._connection.execute(f"set role {_ROLE}")
        postmaster = psutil.Process(self._connection.info.backend_pid).parent()
        assert postmaster is not None
        self._postgresql = postmaster

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def work_left(self) -> bool:
        """Whether an event is not dispatched or a delivery has not ended; three look-ups in indexes."""
        row = self._connection.execute(_WORK_LEFT).fetchone()
        return row is not None and bool(row[0])

    def wait_until_done(self, seconds: float) -> None:
        """Return when no work is left. Raises TookTooLong."""
        until = time.monotonic() + seconds
        while self.work_left():
            if time.monotonic() > until:
                raise TookTooLong(f"Deliveries were still under way after {seconds:.0f} s.")
            time.sleep(POLL_SECONDS)

    def measure(self, workers: Sequence[psutil.Process], seconds: float) -> Usage:
        """What is used from now until no work is left. Raises TookTooLong."""
        worker_cpu, postgresql_cpu = _cpu(workers), self._postgresql_cpu()
        started = time.monotonic()
        self._connection.execute("select pg_stat_statements_reset()")
        self.wait_until_done(seconds)
        ended = time.monotonic()
        row = self._connection.execute(_STATEMENTS, [_ROLE]).fetchone()
        assert row is not None
        return Usage(
            seconds=ended - started,
            worker_cpu=_cpu(workers) - worker_cpu,
            postgresql_cpu=self._postgresql_cpu() - postgresql_cpu,
            statements=row[0],
            claimed=row[2] / row[1] if row[1] else 0.0,
        )

    def _postgresql_cpu(self) -> float:
        own = self._connection.info.backend_pid
        return _cpu([self._postgresql, *(one for one in self._postgresql.children() if one.pid != own)])


def _cpu(processes: Sequence[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
