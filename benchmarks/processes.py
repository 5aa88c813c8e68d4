"""Long-running commands: started, asked to end, or killed without warning, with all of their children."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.stack import ROOT

START_SECONDS = 60.0
# A worker finishes what is in flight before it ends, for as long as an attempt may take (15 s).
STOP_SECONDS = 40.0


class DidNotStart(Exception):
    """A process ended, or was not ready in time; the message ends with what it said last."""


class Processes:
    """Commands by name, each the leader of a group of its own; what they say stands in `directory`."""

    def __init__(self, commands: Mapping[str, Sequence[str]], directory: Path, environment: Mapping[str, str]) -> None:
        self._commands = commands
        self._directory = directory
        self._environment = dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name, command in self._commands.items():
            with self._log(name).open("ab") as log:
                self._running[name] = subprocess.Popen(
                    # Whatever ends this process ends them.
                    ["setpriv", "--pdeathsig", "KILL", "--", *command],
                    cwd=ROOT,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        """Return once `ready`. Raises DidNotStart when that takes too long, or any of them has ended."""
        until = time.monotonic() + START_SECONDS
        while not ready():
            for other, process in self._running.items():
                if (code := process.poll()) is not None:
                    raise DidNotStart(f"The {other} ended with {code}:\n{self.said(other)}")
            if time.monotonic() > until:
                raise DidNotStart(f"The {name} was not ready after {START_SECONDS:.0f} s:\n{self.said(name)}")
            time.sleep(0.05)

    def family(self, name: str) -> list[psutil.Process]:
        """The process and all that it started."""
        leader = psutil.Process(self._running[name].pid)
        return [leader, *leader.children(recursive=True)]

    def pause(self) -> None:
        """Let nothing of them run, until resume()."""
        self._signal_groups(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_groups(signal.SIGCONT)

    def _signal_groups(self, number: signal.Signals) -> None:
        for process in self._running.values():
            os.killpg(process.pid, number)

    def stop(self) -> None:
        """End them as a deploy does: all asked at once, and killed when they do not listen."""
        for process in self._running.values():
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self) -> None:
        """kill -9, with no time for a last word; returns when none is left."""
        doomed = [one for name, process in self._running.items() if process.poll() is None for one in self.family(name)]
        for process in self._running.values():
            # The group first: nobody gets to see another one die.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for one in doomed:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                pass
        for process in self._running.values():
            process.wait()
        psutil.wait_procs(doomed, timeout=10)
        self._running.clear()

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def said(self, name: str) -> str:
        """Its last words."""
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-20:])
