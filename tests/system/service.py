"""A copy of the source tree on which `make run` does its work, watched from outside."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from tests.programs import ROOT, environment

# Generous: the machine may be busy with other tests.
SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.05
LEFT_OUT = {".git", ".venv", "var", "node_modules", "staticfiles", "__pycache__", ".env", "tests", "benchmarks"}


def copy_tree(directory: Path) -> Path:
    """The product's source as a clean checkout has it: no data, no `.env`."""
    tree = directory / "switera"
    shutil.copytree(
        ROOT, tree, ignore=lambda _, names: {name for name in names if name in LEFT_OUT or name.endswith("_cache")}
    )
    return tree


def wait_until(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Look until the condition holds; fails naming `what` did not happen."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what} within {seconds:.0f} s"
        time.sleep(LOOK_AGAIN_SECONDS)


class Run:
    """One `python -m switera_webhooks.run`, in a process group (and session) of its own as under a terminal."""

    def __init__(self, tree: Path, variables: Mapping[str, str], *, under_make: bool = False) -> None:
        command = [sys.executable, "-m", "switera_webhooks.run"]
        if under_make:
            (tree / "run.mk").write_text(f"run:\n\t@exec {' '.join(command)}\n")
            command = ["make", "-f", "run.mk"]
        self._log = tree.parent / f"run-{time.monotonic_ns()}.log"
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=tree,
                env=_variables(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """All that was written to the terminal so far."""
        return self._log.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in the output, once it is there."""

        def ended_or_matched() -> bool:
            return bool(re.search(pattern, self.output)) or self.process.poll() is not None

        wait_until(ended_or_matched, f"{pattern!r} was printed")
        match = re.search(pattern, self.output)
        assert match, f"the run ended without {pattern!r}:\n{self.output}"
        return match

    def processes(self) -> list[psutil.Process]:
        """Those of this run that live: nothing of it leaves its session."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def process_with(self, word: str) -> psutil.Process:
        """The oldest process with this word in its command line."""
        return min((p for p in self.processes() if word in p.cmdline()), key=lambda process: process.pid)

    def signal_all(self, number: int) -> None:
        """What a terminal does at Ctrl-C: every process of the group gets the signal."""
        os.killpg(self.process.pid, number)

    def ctrl_c(self) -> int:
        """The exit code after a Ctrl-C; afterwards nothing of the run lives."""
        self.signal_all(signal.SIGINT)
        code = self.process.wait(SECONDS)
        assert self.processes() == []
        return code

    def kill(self) -> None:
        """End whatever is left, without ado."""
        for process in self.processes():
            process.kill()
        self.process.kill()
        self.process.wait()


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    given = environment(variables)
    del given["SWITERA_ENV_FILE"]  # the tree has a `.env` of its own, or none
    return given
