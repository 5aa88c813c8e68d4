"""What the worker's processes hold in memory while they deliver very much."""

import psutil

from benchmarks.meter import Meter
from benchmarks.nginx import sink
from benchmarks.product import product
from benchmarks.report import Report, Table
from benchmarks.scale import Scale
from benchmarks.seed import backlog, seed_app
from benchmarks.stack import Stack

ENDPOINTS = 10
PIECES = 10
PIECE_SECONDS = 180.0
MB_AT_MOST = 150
# Flat: what the largest process has at the end, against what it had after the first of the pieces.
GROWS_AT_MOST = 1.1


def run(stack: Stack, scale: Scale, report: Report) -> None:
    piece = scale.pick(200, 10_000, 100_000)
    with sink([0.0] * ENDPOINTS) as sunk, product(stack) as running, Meter(stack) as meter:
        app = seed_app(sunk.urls)
        backlog(app, 50)
        meter.wait_until_done(PIECE_SECONDS)
        workers = running.family("worker")
        found = [_megabytes(workers)]
        for _ in range(PIECES):
            backlog(app, piece // ENDPOINTS)
            meter.wait_until_done(PIECE_SECONDS)
            found.append(_megabytes(workers))
        report.missing("memory", 50 * ENDPOINTS + PIECES * piece, meter.succeeded())
    told = f"over {PIECES * piece:,} deliveries"
    largest = [max(resident for resident, _ in sample) for sample in found]
    report.add(f"memory of the largest worker process {told} (RSS)", "MB", [max(largest)], at_most=MB_AT_MOST)
    report.add("the same at the end against after a tenth", "times", [largest[-1] / largest[1]], at_most=GROWS_AT_MOST)
    report.add("memory of all worker processes together (PSS)", "MB", [sum(own for _, own in found[-1])])
    rows = [
        (f"{number * piece:,}", *(f"{resident:.0f} / {own:.0f}" for resident, own in sample))
        for number, sample in enumerate(found)
    ]
    headings = ("after", "worker", *(f"child {number}" for number in range(1, len(workers))))
    report.tables.append(Table("Memory of each worker process, RSS / PSS in MB", headings, rows))
    report.figures["megabytes"] = found


def _megabytes(processes: list[psutil.Process]) -> list[tuple[float, float]]:
    """Resident and proportional memory of each."""
    found = [process.memory_full_info() for process in processes]
    return [(one.rss / 1e6, one.pss / 1e6) for one in found]
