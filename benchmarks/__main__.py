"""`python -m benchmarks [name …]`: exit code 1 where a target was missed, 2 where one could not be measured."""

import argparse
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from benchmarks.machine import machine
from benchmarks.nginx import echo_module, nginx
from benchmarks.report import Report, rows_table
from benchmarks.scale import FULL, NORMAL, QUICK, Scale
from benchmarks.stack import ROOT, postgresql_and_redis
from tests.servers import packages, postgresql, redis
from tests.servers.processes import ServerNotStartedError

# In this order, and how long each may take in a normal run, in minutes.
NAMES: Mapping[str, float] = {
    "backlog": 6,
    "shapes": 8,
    "lone_statements": 3,
    "latency": 5,
    "isolation": 6,
    "fan_out": 3,
    "two_apps": 6,
    "rest_emit": 5,
    "history": 6,
    "pages": 5,
    "retries_at_once": 6,
    "snapshot": 6,
    "memory": 4,
    "exactly_once": 4,
    "crash": 3,
    "retry_times": 3,
}
WITHIN_MINUTES = 40.0  # all of a normal run
# The baseline of every row in deliveries a second.
BASELINE = "one task a delivery"
PACKAGES = {
    "postgresql": postgresql.program,
    "redis-server": redis.program,
    "nginx-light": nginx,
    "libnginx-mod-http-echo": echo_module,
}
TITLE = "Target against measured"
QUICK_TITLE = "NOT A MEASUREMENT: --quick shows only that everything runs"


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    scale = QUICK if options.quick else FULL if options.full else NORMAL
    if importlib.util.find_spec("pycurl") is None:
        print("The rows of libcurl need pycurl, which has no wheel for this machine.", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    outcomes: dict[str, dict[str, Any]] = {}
    times = 8 if scale is FULL else 1
    ends_at = time.monotonic() + WITHIN_MINUTES * 60 * times
    try:
        packages.ensure_installed(PACKAGES)
        for name in options.names or NAMES:
            if options.here:
                outcomes[name] = _run(name, scale, options.only)
            else:
                seconds = min(NAMES[name] * 60 * times, ends_at - time.monotonic())
                outcomes[name] = _run_apart(name, scale, options.only, seconds)
            # After each, so that a run that is cut short leaves what it found.
            _write(options.json, {"machine": machine(), "scale": scale.name, "benchmarks": outcomes})
    except (packages.MissingPackagesError, ServerNotStartedError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if options.here:
        return 0
    rows = [row for outcome in outcomes.values() for row in outcome["rows"]]
    table = rows_table(QUICK_TITLE if scale is QUICK else TITLE, rows, _baseline(rows))
    told = ", ".join(f"{name} {value}" for name, value in machine().items())
    print(f"{table}\n\n{told}", flush=True)
    if options.markdown:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(f"{table.markdown()}\n\n{told}\n")
    errors = {name: outcome["error"] for name, outcome in outcomes.items() if outcome["error"]}
    for name, said in errors.items():
        print(f"NOT MEASURED: {name}: {said}", file=sys.stderr)
    return 2 if errors else 1 if any(row["met"] is False for row in rows) else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the product; all by default.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small counts: shows that it works, measures nothing")
    size.add_argument("--full", action="store_true", help="for the record: long rows, each figure a median of 5")
    parser.add_argument("--only", default="", metavar="PART", help="of one benchmark, this part (shapes: lanes, …)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]}: choose from {', '.join(NAMES)}")
    return options


def _run(name: str, scale: Scale, only: str) -> dict[str, Any]:
    """Run one in this process, on a stack of its own, and print what it found."""
    started = time.monotonic()
    report = Report()
    error = ""
    with postgresql_and_redis() as stack:
        stack.use_here()
        module = importlib.import_module(f"benchmarks.{name}")
        try:
            module.run(stack, scale, report, *([only] if only else []))
        except Exception as problem:  # what was measured before it counts
            error = f"{type(problem).__name__}: {problem}"
            stack.tell_logs()
    outcome = report.as_json()
    print(rows_table(f"{name}: {time.monotonic() - started:.0f} s", outcome["rows"], _baseline(outcome["rows"])))
    for table in report.tables:
        print(table)
    print(f"  FAILED: {error}\n" if error else "", flush=True)
    return {**outcome, "error": error, "seconds": time.monotonic() - started}


def _run_apart(name: str, scale: Scale, only: str, seconds: float) -> dict[str, Any]:
    """Run one in a process of its own, within its time: Django's settings are read once."""
    if seconds <= 0:
        return {"rows": [], "figures": {}, "error": "no time was left for it", "seconds": 0.0}
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "benchmarks", name, "--here", "--json", file.name, "--only", only]
        command += [] if scale is NORMAL else [f"--{scale.name}"]
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return {"rows": [], "figures": {}, "error": f"not done after {seconds:.0f} s", "seconds": 0.0}
        except BaseException:
            _end(process)
            raise
        text = Path(file.name).read_text()
    if not text:
        return {"rows": [], "figures": {}, "error": f"ended with {process.returncode}", "seconds": 0.0}
    outcome: dict[str, Any] = json.loads(text)["benchmarks"][name]
    return outcome


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it end what it started, and then make sure."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _write(file: Path | None, figures: Mapping[str, object]) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=2) + "\n")


def _baseline(rows: Sequence[Mapping[str, Any]]) -> float | None:
    return next((row["value"] for row in rows if row["what"] == BASELINE), None)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
