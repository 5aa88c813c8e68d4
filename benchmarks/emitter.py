"""A process that emits one event after the other: `python -m benchmarks.emitter APP RATE SECONDS FILE TYPE…`.

RATE is events a second, evenly spread; up to a second of delay is caught up. The types take turns. FILE gets a
line an event: its id and the nanoseconds since 1970 right before emit() was called, a tab between.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.stack import ROOT, Stack


def emitted(stack: Stack, app: str, rate: float, seconds: float, types: Sequence[str]) -> dict[str, float]:
    """Emit in a process of its own; returns each event's id and when it was emitted, in seconds since 1970."""
    record = stack.directory / "emitted.tsv"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.emitter", app, str(rate), str(seconds), str(record), *types],
        cwd=ROOT,
        env=dict(stack.environment),
        stdin=subprocess.DEVNULL,
        timeout=seconds * 2 + 60,
        check=True,
    )
    lines = (line.split("\t") for line in record.read_text().splitlines())
    return {event: int(at) / 1e9 for event, at in lines}


def emit_evenly(app_id: str, rate: float, seconds: float, record: Path, types: Sequence[str]) -> None:
    """Needs Django on the stack."""
    from benchmarks.seed import DATA
    from events.emit import emit
    from webhooks.app_setup import find_app

    app = find_app(app_id)
    assert app is not None
    lines: list[str] = []
    due = time.monotonic()
    for number in range(round(rate * seconds)):
        time.sleep(max(0.0, due - time.monotonic()))
        at = time.time_ns()
        event = emit(app, types[number % len(types)], DATA)
        lines.append(f"{event.public_id}\t{at}\n")
        due = max(due + 1 / rate, time.monotonic() - 1)
    record.write_text("".join(lines))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switera_webhooks.settings")
    import django

    django.setup()
    emit_evenly(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:])
