"""The whole suite on every kind of database: `python -m tests.run [pytest's arguments]`.

Once on PostgreSQL with Redis, and what the database could make a difference to once more on SQLite with the in-memory
broker. The servers are this run's own and end with it, however it ends. Exit code 0 when both passes did, 2 when
programs are missing.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from tests.servers import packages, processes
from tests.servers.postgresql import postgresql
from tests.servers.redis import redis_server

NO_TESTS_RAN = 5  # pytest's exit code when nothing was selected
INTERRUPTED_SECONDS = 30.0


@dataclass(frozen=True)
class Pass:
    """One run of pytest, and where it runs: `variables` are what tests/settings.py reads."""

    title: str
    variables: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> int:
    """Run both passes with pytest's `arguments`; returns the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        packages.ensure_installed()
        with postgresql() as database_url, redis_server() as redis_url:
            servers = {"TEST_DATABASE_URL": database_url, "TEST_REDIS_URL": redis_url}
            codes = [
                _run(Pass("PostgreSQL and Redis", servers), arguments),
                _run(Pass("SQLite", {"TEST_DATABASE_AGAIN": "1"}), arguments),
            ]
    except (packages.MissingPackagesError, processes.ServerNotStartedError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return exit_code(codes)


def exit_code(codes: Sequence[int]) -> int:
    """The run's exit code from pytest's: nothing selected in one pass is no failure if another had tests."""
    failures = [code for code in codes if code not in (0, NO_TESTS_RAN)]
    if failures:
        return failures[0]
    return 0 if 0 in codes else NO_TESTS_RAN


def pytest_arguments(arguments: Sequence[str]) -> list[str]:
    """A chosen part of the suite runs as it is named; the whole of it runs on two processes."""
    return list(arguments) or ["-n", "2", "--dist", "loadgroup"]


def _run(one: Pass, arguments: Sequence[str]) -> int:
    """Run pytest for one pass; returns its exit code."""
    sys.stdout.write(f"\nThe tests on {one.title}\n")
    sys.stdout.flush()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    # setpriv: if this process is killed, pytest is interrupted, and ends what its fixtures started.
    pytest = subprocess.Popen(
        ["setpriv", "--pdeathsig", "INT", "--", sys.executable, "-m", "pytest", *pytest_arguments(arguments)],
        env={**environment, **one.variables},
    )
    try:
        return pytest.wait()
    except BaseException as reason:
        # A terminal's Ctrl-C has reached pytest too, and a second one would cut its tidying short.
        if not isinstance(reason, KeyboardInterrupt):
            pytest.send_signal(signal.SIGINT)
        try:
            pytest.wait(INTERRUPTED_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.kill()
        raise


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
