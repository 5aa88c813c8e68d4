"""`python -m benchmarks [name …] [--json FILE]`: exit code 1 where a target was missed, 2 where one could not run."""

import argparse
import importlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks.processes import DidNotStart
from benchmarks.report import Report
from benchmarks.stack import ROOT, postgresql_and_redis
from tests.servers.packages import MissingPackagesError, ensure_installed
from tests.servers.processes import ServerNotStartedError

NAMES = ("throughput", "latency", "isolation", "exactly_once", "crash", "retry_times")
AT_MOST_SECONDS = 600.0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the product; all by default.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    names: list[str] = options.names or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]}: choose from {', '.join(NAMES)}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        ensure_installed()
        outcomes = {names[0]: _run(names[0])} if len(names) == 1 else {name: _run_apart(name) for name in names}
    except (MissingPackagesError, ServerNotStartedError, DidNotStart) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if options.json:
        options.json.write_text(json.dumps(outcomes, indent=2) + "\n")
    return 0 if all(outcome["met"] for outcome in outcomes.values()) else 1


def _run(name: str) -> dict[str, object]:
    """Run one in this process, on a stack of its own, and print what it found."""
    started = time.monotonic()
    with postgresql_and_redis() as stack:
        stack.use_here()
        report: Report = importlib.import_module(f"benchmarks.{name}").run(stack)
    print(f"{report}\n  ({name}: {time.monotonic() - started:.0f} s)\n", flush=True)
    return {"met": all(target.met for target in report.targets), **report.as_json()}


def _run_apart(name: str) -> dict[str, object]:
    """Run one in a process of its own: Django's settings are read once."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        process = subprocess.Popen([sys.executable, "-m", "benchmarks", name, "--json", file.name], cwd=ROOT)
        try:
            process.wait(AT_MOST_SECONDS)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        text = Path(file.name).read_text()
    outcome: dict[str, object] = json.loads(text)[name] if text else {"met": False, "figures": {}}
    return outcome


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
