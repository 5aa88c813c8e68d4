"""What work costs: time, processor time of workers and PostgreSQL, SQL statements."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
import psycopg

from benchmarks.stack import Stack

POLL_SECONDS = 0.02
POLL_TIMES = 20
# The meter's own statements run under this role, so that they are not counted.
_ROLE = "benchmark_meter"
_WORK_LEFT = """
select exists (select from events_event where dispatched_at is null)
    or exists (select from deliveries_delivery where status = 'pending')
    or exists (select from deliveries_delivery where status = 'sending')
"""
# Without the checks of foreign keys, which PostgreSQL runs by itself when a statement commits.
_STATEMENTS = """
select regexp_replace(left(query, 400), '\\s+', ' ', 'g'), sum(calls)::bigint
  from pg_stat_statements
 where userid <> %s::regrole and dbid = (select oid from pg_database where datname = current_database())
   and query not like 'SELECT %% FROM ONLY %% FOR KEY SHARE OF x'
 group by 1
"""

_SUCCEEDED = "select count(*) from deliveries_delivery where status = 'succeeded' and response_status = 204"


class TookTooLong(Exception):
    """Work was not done in time."""


@dataclass(frozen=True)
class Usage:
    """What was used between two moments; processor times in seconds."""

    seconds: float
    worker_cpu: float
    postgresql_cpu: float
    statements: int


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
        while True:
            started = time.monotonic()
            if not self.work_left():
                return
            ended = time.monotonic()
            if ended > until:
                raise TookTooLong(f"Deliveries were still under way after {seconds:.0f} s.")
            # A look may have to pass many dead entries of an index; it must not become a load of its own.
            time.sleep(max(POLL_SECONDS, POLL_TIMES * (ended - started)))

    def measure(self, workers: Sequence[psutil.Process], seconds: float) -> Usage:
        """What is used from now until no work is left. Raises TookTooLong."""
        started = time.monotonic()
        worker_cpu, postgresql_cpu = cpu_seconds(workers), self.postgresql_cpu()
        self.forget_statements()
        self.wait_until_done(seconds)
        ended = time.monotonic()
        return Usage(
            seconds=ended - started,
            worker_cpu=cpu_seconds(workers) - worker_cpu,
            postgresql_cpu=self.postgresql_cpu() - postgresql_cpu,
            statements=sum(self.statements().values()),
        )

    def forget_statements(self) -> None:
        self._connection.execute("select pg_stat_statements_reset()")

    def statements(self) -> Mapping[str, int]:
        """How often each statement ran since forget_statements(), by its first words."""
        return dict(self._connection.execute(_STATEMENTS, [_ROLE]).fetchall())

    def statement_ms(self) -> float:
        """How long PostgreSQL ran statements since forget_statements()."""
        row = self._connection.execute(
            "select coalesce(sum(total_exec_time), 0) from pg_stat_statements where userid <> %s::regrole", [_ROLE]
        ).fetchone()
        assert row is not None
        return float(row[0])

    def succeeded(self) -> int:
        """Deliveries that a receiver answered, by the product's own record."""
        row = self._connection.execute(_SUCCEEDED).fetchone()
        assert row is not None
        return int(row[0])

    def postgresql_cpu(self) -> float:
        """Processor seconds of PostgreSQL so far, this connection's left out."""
        own = self._connection.info.backend_pid
        return cpu_seconds([self._postgresql, *(one for one in self._postgresql.children() if one.pid != own)])


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
