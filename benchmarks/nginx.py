"""The sink: one nginx process that answers 204 at once, after a while, or never, and can write down what came when."""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks.receivers import Receipt
from tests.servers import processes

SILENT = float("inf")
_ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
# Half a millisecond on top of nginx's whole ones, so that they are right on average.
_HALF_MS = 0.0005


@dataclass(frozen=True)
class Sink:
    """Receivers by number, each on a port of its own; what they got, where that is recorded."""

    urls: Sequence[str]
    authority: Path  # of the certificate, for https
    record: Path

    def receipts(self, start: int = 0) -> list[Receipt]:
        """What was received, in order, from this byte of the record; what came within the last 50 ms may be missing."""
        numbers = {int(url.rsplit(":", 1)[1].rstrip("/")): number for number, url in enumerate(self.urls)}
        with self.record.open("rb") as file:
            file.seek(start)
            text = file.read().decode()
        # The last line may be half written.
        fields = (line.split(" ") for line in text[: text.rfind("\n") + 1].splitlines())
        return [
            Receipt(numbers[int(port)], event, int(attempt), float(at) + _HALF_MS)
            for port, event, attempt, at in fields
        ]

    def position(self) -> int:
        """The end of the record now, for receipts()."""
        return self.record.stat().st_size


_SETTINGS = """\
load_module {echo_module};
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr error;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    log_format receipt '$server_port $http_webhook_id $http_switera_attempt $msec';
    access_log {record};
    keepalive_requests 1000000000;
    keepalive_timeout 75s;
    reset_timedout_connection on;
    client_body_buffer_size 64k;
    client_body_temp_path {directory};
    proxy_temp_path {directory};
    fastcgi_temp_path {directory};
    uwsgi_temp_path {directory};
    scgi_temp_path {directory};
{servers}
}}
"""
_SERVER = """\
    server {{
{listens}
        {tls}
        location / {{ {answer} }}
    }}
"""


@contextmanager
def sink(delays: Sequence[float], *, tls: bool = False, record: bool = False) -> Iterator[Sink]:
    """A receiver for each of the delays: seconds until it answers, SILENT for never."""
    program = nginx()
    assert program is not None  # ensure_installed() came first
    ports = processes.free_ports(len(delays))
    with processes.data_directory() as directory:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        files = {name: directory / name for name in ("nginx.conf", "key.pem", "chain.pem", "authority.pem", "receipts")}
        authority.cert_pem.write_to_path(str(files["authority.pem"]))
        certificate.private_key_pem.write_to_path(str(files["key.pem"]))
        for part in certificate.cert_chain_pems:
            part.write_to_path(str(files["chain.pem"]), append=True)
        files["receipts"].touch()
        servers = []
        for delay in sorted(set(delays)):
            mine = [port for port, other in zip(ports, delays, strict=True) if other == delay]
            ssl = f"ssl_certificate {files['chain.pem']}; ssl_certificate_key {files['key.pem']};"
            servers.append(
                _SERVER.format(
                    listens="\n".join(f"        listen 127.0.0.1:{port}{' ssl' * tls} backlog=4096;" for port in mine),
                    tls=f"{ssl} ssl_session_cache shared:s:4m;" if tls else "",
                    answer="return 204;" if not delay else _answer_after(delay),
                )
            )
        open_files = min(65_536, os.sysconf("SC_OPEN_MAX"))
        files["nginx.conf"].write_text(
            _SETTINGS.format(
                echo_module=_ECHO_MODULE,
                directory=directory,
                files=open_files,
                connections=open_files - 256,
                record=f"{files['receipts']} receipt buffer=64k flush=50ms" if record else "off",
                servers="\n".join(servers),
            )
        )
        for file in files.values():
            processes.give(file)
        command = [str(program), "-e", "stderr", "-c", str(files["nginx.conf"])]
        with processes.running(command, directory, ready=lambda: processes.listens(ports[-1]), stop=signal.SIGTERM):
            scheme = "https" if tls else "http"
            yield Sink([f"{scheme}://127.0.0.1:{port}/" for port in ports], files["authority.pem"], files["receipts"])


def _answer_after(seconds: float) -> str:
    return f"echo_status 204; echo_sleep {min(seconds, 3_600):.3f}; echo_flush;"


def nginx() -> Path | None:
    """The program, where it is installed; Debian puts it where only root's PATH looks."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    return Path(found) if found else None


def echo_module() -> Path | None:
    """What makes nginx wait before it answers, where it is installed."""
    return _ECHO_MODULE if _ECHO_MODULE.exists() else None
