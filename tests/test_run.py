"""The runner's own decisions."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import run
from tests.servers import packages


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 0], 0),
        ([1, 0], 1),
        ([0, 1], 1),
        ([5, 2], 2),
        # Nothing selected in one pass: tests for one database were asked for by name.
        ([0, 5], 0),
        ([5, 0], 0),
        ([5, 5], 5),
    ],
)
def test_the_exit_code_is_the_first_failure_of_either_pass(codes: list[int], expected: int) -> None:
    assert run.exit_code(codes) == expected


def test_arguments_go_to_pytest_as_they_are() -> None:
    assert run.pytest_arguments(["tests/events", "-k", "a or b"]) == ["tests/events", "-k", "a or b"]


def test_the_whole_suite_runs_on_two_processes() -> None:
    assert run.pytest_arguments([]) == ["-n", "2", "--dist", "loadgroup"]


def _nowhere() -> Path | None:
    return None


def test_without_the_right_to_install_the_run_says_what_to_install_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    programs: dict[str, Callable[[], Path | None]] = {
        "postgresql": _nowhere,
        "redis-server": _nowhere,
        "rabbitmq-server": lambda: Path(__file__),
    }
    monkeypatch.setattr(packages, "PACKAGES", programs)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run.main([]) == 2
    assert capfd.readouterr() == (
        "",
        "More programs are needed: install them with `sudo apt-get install postgresql redis-server`.\n",
    )
