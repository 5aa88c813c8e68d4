"""S43, S45: kill -9 of everything in the middle, and a broker that forgets, lose no delivery and hide no repeat."""

import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import requests

from tests.receivers.behaviours import OK
from tests.receivers.server import Peer, Receiver
from tests.system.conftest import StartRun
from tests.system.service import Run, wait_until
from tests.system.test_make_run import CURL

# A lease outlives the wall clock of an attempt by 10 s.
pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
TIMEOUT = "0.5"
EVENTS = 60
ANSWERED = 24
# What a lane lets through at once.
IN_FLIGHT = 16


class HoldingReceiver(Receiver):
    """Answers the first requests, and holds the others until it is told to answer all."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self._left = threading.Semaphore(ANSWERED)
        super().__init__(self._serve_or_hold)

    def _serve_or_hold(self, peer: Peer) -> None:
        while peer.read_request() is not None:
            if not self._left.acquire(blocking=False):
                self.release.wait()
            peer.send(OK)

    def received(self) -> Counter[str | None]:
        """How often each event came."""
        return Counter(request.header("webhook-id") for request in list(self.requests))


class Api:
    """REST with the key that a run prints."""

    def __init__(self, run: Run) -> None:
        line = run.wait_for(CURL)[1]
        url, key = re.search(r"http\S+(?=/events)", line), re.search(r"sk_\w+", line)
        assert url, line
        assert key, line
        self._url = url[0]
        self._headers = {"Authorization": f"Bearer {key[0]}"}

    def post(self, route: str, body: object) -> Any:
        response = requests.post(f"{self._url}/{route}", json=body, headers=self._headers, timeout=30)
        response.raise_for_status()
        return response.json()

    def get(self, route: str) -> Any:
        response = requests.get(f"{self._url}/{route}", headers=self._headers, timeout=30)
        response.raise_for_status()
        return response.json()


@pytest.fixture
def holding_receiver() -> Iterator[HoldingReceiver]:
    with HoldingReceiver() as receiver:
        yield receiver
        receiver.release.set()


@pytest.mark.parametrize("servers", ["embedded", pytest.param("real", marks=pytest.mark.postgresql)])
def test_a_kill_of_everything_and_a_broker_that_forgets_lose_nothing(
    start_run: StartRun, holding_receiver: HoldingReceiver, request: pytest.FixtureRequest, servers: str
) -> None:
    variables = {"WEBHOOKS_TIMEOUT": TIMEOUT, "WEBHOOKS_RETRY_SCHEDULE": "600"}
    if servers == "real":
        variables["DATABASE_URL"] = request.getfixturevalue("empty_database_url")
        variables["CELERY_BROKER_URL"] = request.getfixturevalue("redis_url")
    # Long enough for the kill to come first.
    run = start_run(**{**variables, "WEBHOOKS_TIMEOUT": "60"})
    api = Api(run)
