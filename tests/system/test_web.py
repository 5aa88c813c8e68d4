"""The web server as production runs it."""

import json
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.programs import PRODUCTION, ROOT, environment
from tests.servers.processes import free_port, listens
from tests.system.service import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

GUNICORN = ["-c", "python:switera_webhooks.gunicorn_conf", "--log-level", "warning"]


def test_health_is_503_in_json_within_seconds_while_database_and_broker_are_down() -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *GUNICORN, "--bind", f"127.0.0.1:{port}", "switera_webhooks.wsgi"],
        cwd=ROOT,
        env=environment(PRODUCTION),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(lambda: listens(port), "the web server listens")
    # The first answer waits for the process to be ready.
    for path in ("/readyz", "/readyz", "/livez"):
        began = time.monotonic()
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", path, headers={"Host": "hooks.example.com"})
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Content-Type"]) == (503, "application/json")
            assert json.loads(answer.read()) == {
                "status": "unavailable",
                "database": "unreachable",
                "migrations": "unknown",
                "broker": "unreachable",
                "workers": "unknown",
            }
    assert time.monotonic() - began < 4
    process.terminate()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in out
