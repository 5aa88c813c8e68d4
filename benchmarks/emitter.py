"""A process that emits evenly: `python -m benchmarks.emitter APP RATE BATCH SECONDS FILE TYPE…`.

RATE is events a second, BATCH how many of them go in one call; up to a second of delay is caught up. The types take
turns. FILE gets a line an event: its id and the nanoseconds since 1970 right before it was emitted, a tab between.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.nginx import Sink
from benchmarks.stack import ROOT, Stack

ARRIVE_SECONDS = 10.0
# An emitter that does not keep up with its rate measures something else.
SLOWER_AT_MOST = 0.97


@dataclass(frozen=True)
class Emission:
    """What was offered: each event's id and when it was emitted, in seconds since 1970, in that order."""

    emitted_at: Mapping[str, float]
    start: int  # of the sink's record

    def a_second(self) -> float:
        times = list(self.emitted_at.values())
        return (len(times) - 1) / (times[-1] - times[0])

    def delays_ms(self, sunk: Sink, wanted: Sequence[int] | None = None) -> list[float]:
        """From emitted to received first, of the events of the wanted receivers; waits for the last for a while.

        Every event goes to one receiver: that of its number, in turns. Fewer than emitted were received.
        """
        turns = range(len(sunk.urls)) if wanted is None else wanted
        events = {event for number, event in enumerate(self.emitted_at) if number % len(sunk.urls) in turns}
        until = time.monotonic() + ARRIVE_SECONDS
        while True:
            first: dict[str, float] = {}
            for receipt in sunk.receipts(self.start):
                if receipt.event_id in events:
                    first.setdefault(receipt.event_id, receipt.at)
            if len(first) == len(events) or time.monotonic() > until:
                return [(at - self.emitted_at[event]) * 1_000 for event, at in first.items()]
            time.sleep(0.5)


def emitted(
    stack: Stack, sunk: Sink, app: str, rate: float, seconds: float, types: Sequence[str], batch: int = 1
) -> Emission:
    """Emit in a process of its own; returns when it has ended."""
    with emitting(stack, sunk, app, rate, seconds, types, batch) as emission:
        pass
    return emission[0]


@contextmanager
def emitting(
    stack: Stack, sunk: Sink, app: str, rate: float, seconds: float, types: Sequence[str], batch: int = 1
) -> Iterator[list[Emission]]:
    """Emit in a process of its own beside the block; the list has its one emission once the block is left."""
    record = stack.directory / "emitted.tsv"
    start = sunk.position()
    arguments = [app, str(rate), str(batch), str(seconds), str(record), *types]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.emitter", *arguments],
        cwd=ROOT,
        env=dict(stack.environment),
        stdin=subprocess.DEVNULL,
    )
    found: list[Emission] = []
    try:
        yield found
        if process.wait(seconds * 2 + 60):
            raise subprocess.CalledProcessError(process.returncode, "emitter")
    finally:
        process.kill()
        process.wait()
    lines = (line.split("\t") for line in record.read_text().splitlines())
    found.append(Emission({event: int(at) / 1e9 for event, at in lines}, start))


def emit_evenly(app_id: str, rate: float, batch: int, seconds: float, record: Path, types: Sequence[str]) -> None:
    """Needs Django on the stack."""
    from benchmarks.seed import DATA
    from events.emit import EmitRequest, emit, emit_batch
    from switera_webhooks.environments import Environment
    from webhooks.app_setup import find_app

    app = find_app(app_id)
    assert app is not None
    turns = itertools.cycle(types)
    lines: list[str] = []
    due = time.monotonic()
    for _ in range(round(rate * seconds / batch)):
        time.sleep(max(0.0, due - time.monotonic()))
        at = time.time_ns()
        if batch == 1:
            events = [emit(app, next(turns), DATA)]
        else:
            events = emit_batch(app, Environment.LIVE, [EmitRequest(next(turns), DATA) for _ in range(batch)])
        lines += [f"{event.public_id}\t{at}\n" for event in events]
        due = max(due + batch / rate, time.monotonic() - 1)
    record.write_text("".join(lines))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switera_webhooks.settings")
    import django

    django.setup()
    app_id, rate, batch, seconds, record, *types = sys.argv[1:]
    emit_evenly(app_id, float(rate), int(batch), float(seconds), Path(record), types)
