"""What is in flight when a process is told to end is finished and recorded: nothing is sent twice for it."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.programs import ROOT, environment, run_program
from tests.receivers.behaviours import OK
from tests.receivers.server import Peer, Receiver
from tests.system.conftest import StartRun
from tests.system.service import wait_until
from tests.system.test_make_run import CURL, emit_by_curl

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

LOOPBACK = {
    "DEBUG": "true",
    "WEBHOOKS_ALLOW_HTTP": "true",
    "WEBHOOKS_ALLOWED_PORTS": "*",
    "WEBHOOKS_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8",
}
EVENTS = 40

EMIT_MANY = f"""
from events.emit import EmitRequest, emit_batch
from events.event_types import create_event_type
from webhooks.app_setup import find_app
from webhooks.audit import Actor
app = find_app("shop")
create_event_type(app, "order.paid", "", None, None, Actor.of_command("shell"))
emit_batch(app, "live", [EmitRequest("order.paid", {{"number": n}}) for n in range({EVENTS})])
"""
SHOW_STATES = """
import json
from django.db.models import Count
from deliveries.models import Attempt, Delivery
states = Delivery.objects.values_list("status").annotate(Count("id"))
print(json.dumps({**dict(states), "attempts": Attempt.objects.count()}))
"""


class SlowReceiver(Receiver):
    """Answers nobody before `answer` is set."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        super().__init__(self._serve_slowly)

    def _serve_slowly(self, peer: Peer) -> None:
        while peer.read_request() is not None:
            self.answer.wait()
            peer.send(OK)


@pytest.fixture
def slow_receiver() -> Iterator[SlowReceiver]:
    with SlowReceiver() as receiver:
        yield receiver
        receiver.answer.set()


def _manage(variables: Mapping[str, str], *arguments: str, cwd: Path = ROOT) -> str:
    result = run_program("manage.py", *arguments, variables=variables, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def _states(variables: Mapping[str, str], cwd: Path = ROOT) -> dict[str, int]:
    states: dict[str, int] = json.loads(_manage(variables, "shell", "--no-imports", "-c", SHOW_STATES, cwd=cwd))
    return states


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_deliver_due_finishes_what_is_in_flight_and_claims_no_more(
    empty_database_url: str, slow_receiver: SlowReceiver, number: signal.Signals
) -> None:
    variables = {**LOOPBACK, "DATABASE_URL": empty_database_url}
    _manage(variables, "migrate", "--verbosity", "0")
    _manage(variables, "create_app", "Shop")
    _manage(variables, "add_endpoint", "shop", slow_receiver.url())
    _manage(variables, "shell", "--no-imports", "-c", EMIT_MANY)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "deliver_due", "--until-empty", "--json"],
        cwd=ROOT,
        env=environment(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(slow_receiver.requests) > 1, "requests are in flight")
    process.send_signal(number)
    # Long enough for a process that ignores the signal to claim more, and for one that drops its work to end.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    slow_receiver.answer.set()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    sent = len(slow_receiver.requests)
    assert 1 < sent < EVENTS
    assert json.loads(out) == {"attempts": sent}
    assert _states(variables) == {"succeeded": sent, "pending": EVENTS - sent, "attempts": sent}


@pytest.mark.parametrize("servers", ["embedded", pytest.param("real", marks=pytest.mark.postgresql)])
def test_ctrl_c_finishes_what_is_in_flight(
    start_run: StartRun,
    tree: Path,
    slow_receiver: SlowReceiver,
    request: pytest.FixtureRequest,
    servers: str,
) -> None:
    variables = {}
    if servers == "real":
        variables["DATABASE_URL"] = request.getfixturevalue("empty_database_url")
        variables["CELERY_BROKER_URL"] = request.getfixturevalue("redis_url")
    run = start_run(**variables)
    run.wait_for(CURL)
    beside = {**variables, "SWITERA_ENV_FILE": str(tree / ".env")}
    _manage(beside, "add_endpoint", "demo", slow_receiver.url(), cwd=tree)
    event_id = emit_by_curl(run)
    run.wait_for(rf"{event_id}.* verified ")
    wait_until(lambda: len(slow_receiver.requests) == 1, "a request is in flight")
    run.signal_all(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(2)
    slow_receiver.answer.set()
    assert run.process.wait(60) == 0
    assert run.processes() == []
    assert len(slow_receiver.requests) == 1
    assert _states(beside, cwd=tree) == {"succeeded": 2, "attempts": 2}
