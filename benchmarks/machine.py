"""What the figures were found on."""

import os
import platform
import tempfile
import time
from functools import cache
from pathlib import Path

import psutil

from benchmarks.stack import POSTGRESQL_SETTINGS


@cache
def machine() -> dict[str, str]:
    """In words; the time of an fsync says what kind of disk stands below PostgreSQL."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "fsync": f"{_fsync_ms():.2f} ms",
        "Python": platform.python_version(),
        "PostgreSQL": " ".join(POSTGRESQL_SETTINGS),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _fsync_ms() -> float:
    times = 50
    with tempfile.TemporaryFile() as file:
        started = time.monotonic()
        for _ in range(times):
            file.write(b"x" * 8_192)
            file.flush()
            os.fdatasync(file.fileno())
    return (time.monotonic() - started) / times * 1_000
