"""Receivers that fail, recover or stay silent, and write down what they get; benchmarks/nginx.py has the fast ones."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.receiver_process import Answer
from benchmarks.stack import ROOT


@dataclass(frozen=True)
class Receipt:
    """One request as a receiver got it; `at` is seconds since 1970."""

    receiver: int
    event_id: str
    attempt: int
    at: float


@dataclass(frozen=True)
class Receivers:
    """Receivers by number, and the record of what they got."""

    urls: Sequence[str]
    record: Path

    def receipts(self) -> list[Receipt]:
        """What was received, in order; what came within the last 50 ms may be missing."""
        text = self.record.read_text()
        # The last line may be half written.
        fields = (line.split("\t") for line in text[: text.rfind("\n") + 1].splitlines())
        return [Receipt(int(number), event, int(attempt), int(at) / 1e9) for number, event, attempt, at in fields]

    def count(self) -> int:
        return self.record.read_bytes().count(b"\n")


@contextmanager
def receivers(directory: Path, answers: Sequence[Answer]) -> Iterator[Receivers]:
    """Run a receiver for each of the answers, all in one process."""
    record = directory / "receipts.tsv"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.receiver_process", str(record), *answers],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            ports: list[int] = json.loads(process.stdout.readline())
            yield Receivers([f"http://127.0.0.1:{port}/" for port in ports], record)
        finally:
            process.kill()
