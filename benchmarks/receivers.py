"""Where benchmarks deliver to: receivers that write down what they get, or a sink that is as fast as can be."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.receiver_process import Answer
from benchmarks.stack import ROOT
from tests.servers import processes


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


_NGINX = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
    client_body_temp_path {directory};
    proxy_temp_path {directory};
    fastcgi_temp_path {directory};
    uwsgi_temp_path {directory};
    scgi_temp_path {directory};
    server {{
{listens}
        location / {{ return 204; }}
    }}
}}
"""


@contextmanager
def sink(directory: Path, number: int) -> Iterator[Sequence[str]]:
    """So many URLs, each a port of its own, that answer 204 at once: nginx where it is installed."""
    nginx = _nginx()
    if nginx is None:
        with receivers(directory, [Answer.ACCEPT] * number) as slower:
            yield slower.urls
        return
    with processes.data_directory() as own:
        ports = processes.free_ports(number)
        settings = own / "nginx.conf"
        settings.write_text(
            _NGINX.format(directory=own, listens="\n".join(f"        listen 127.0.0.1:{port};" for port in ports))
        )
        processes.give(settings)
        command = [nginx, "-e", "stderr", "-c", str(settings)]
        with processes.running(command, own, ready=lambda: processes.listens(ports[-1]), stop=signal.SIGTERM):
            yield [f"http://127.0.0.1:{port}/" for port in ports]


def sink_name() -> str:
    """What `sink` runs here."""
    return "nginx" if _nginx() else "one asyncio process (install nginx-light for more)"


def _nginx() -> str | None:
    # Debian puts it where only root's PATH looks.
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
