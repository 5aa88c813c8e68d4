"""The processes of a development run: all in make's process group, none of them outliving it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from billiard.util import set_pdeathsig  # type: ignore[attr-defined] # the stubs lack it

LOOK_EVERY_SECONDS = 0.1


class Stopped(BaseException):
    """Ctrl-C, SIGTERM, a closed terminal, or the end of make."""


class ChildEnded(Exception):
    """A process that the run needs is gone; the message says which."""


@dataclass(frozen=True)
class Child:
    name: str
    process: subprocess.Popen[str]


class Processes:
    """Starts them, notices when one ends, and ends them all. One object a run, made in the main thread."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._ending = False
        self._impatient = False
        # Under make the run ends with make, even if that was killed and could pass on no signal.
        self._parent = os.getppid() if "MAKELEVEL" in os.environ else None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._ending:
            self._impatient = True
            return
        self._ending = True
        raise Stopped

    def start(self, name: str, argv: Sequence[str], *, standard_input: str | None = None, quiet: bool = False) -> None:
        """Start `python argv`. `standard_input` is what it can read there; `quiet` drops its standard output."""
        process = subprocess.Popen(  # noqa: S603 (the commands of run.py)
            [sys.executable, *argv],
            stdin=subprocess.DEVNULL if standard_input is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL if quiet else None,
            text=True,
            preexec_fn=_end_with(os.getpid()),
        )
        self._children.append(Child(name, process))
        if standard_input is not None and process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(standard_input)

    def check(self) -> None:
        """Raises ChildEnded where one has, Stopped where make has."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise ChildEnded(f"The {child.name} ended {_how(code)}, so the run ends.")
        if self._parent is not None and os.getppid() != self._parent:
            raise Stopped

    def watch(self) -> None:
        """Until one ends (ChildEnded) or all are to end (Stopped)."""
        while True:
            self.check()
            time.sleep(LOOK_EVERY_SECONDS)

    def end(self, seconds: float) -> None:
        """End all, in groups: the receiver, which was started first, only after those that send to it.

        Those that have not ended after `seconds`, or at the next Ctrl-C, are killed.
        """
        self._ending = True
        until = time.monotonic() + seconds
        for group in (self._children[1:], self._children[:1]):
            for child in group:
                child.process.terminate()
            while any(child.process.poll() is None for child in group):
                if self._impatient or time.monotonic() > until:
                    for child in group:
                        child.process.kill()
                time.sleep(0.02)


def _end_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes its program. The terminal's Ctrl-C is passed on as SIGTERM."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with suppress(OSError):  # Linux alone has it
            set_pdeathsig(signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _how(code: int) -> str:
    return f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
