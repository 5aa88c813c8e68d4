"""Runs of the whole service, each on free ports, none of which outlives its test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.processes import free_ports
from tests.system.service import Run, copy_tree

StartRun = Callable[..., Run]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_tree(tmp_path)


@pytest.fixture
def ports() -> dict[str, str]:
    port, receiver_port = free_ports(2)
    return {"PORT": str(port), "RECEIVER_PORT": str(receiver_port)}


@pytest.fixture
def broker_url(empty_database_url: str, request: pytest.FixtureRequest) -> str:
    """Redis beside PostgreSQL, the embedded broker (empty) beside SQLite."""
    return "" if empty_database_url.startswith("sqlite") else str(request.getfixturevalue("redis_url"))


@pytest.fixture
def start_run(tree: Path, ports: dict[str, str]) -> Iterator[StartRun]:
    """Starts a run in the tree, with further variables as keywords."""
    runs: list[Run] = []

    def start(*, under_make: bool = False, **variables: str) -> Run:
        runs.append(Run(tree, {**ports, **variables}, under_make=under_make))
        return runs[-1]

    yield start
    for run in runs:
        run.kill()
