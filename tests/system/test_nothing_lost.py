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

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

EVENTS = 60
# Fewer than a lane lets through at once, so that it does not grow by their success.
ANSWERED = 12
# What a lane lets through at once.
HELD = 16
# Seconds: longer than it takes to see that all is as it should be, and to kill it. Leases last 10 s longer.
WALL_CLOCK = "8"


class HoldingReceiver(Receiver):
    """Answers the first requests, and holds the others until `release` is set."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self._to_answer = threading.Semaphore(ANSWERED)
        super().__init__(self._answer_or_hold)

    def _answer_or_hold(self, peer: Peer) -> None:
        while peer.read_request() is not None:
            if not self._to_answer.acquire(blocking=False):
                self.release.wait()
            peer.send(OK)

    def times(self) -> Counter[str | None]:
        """How often each event came."""
        return Counter(request.header("webhook-id") for request in list(self.requests))


class Api:
    """REST with the app and the key that a run prints."""

    def __init__(self, run: Run) -> None:
        line = run.wait_for(CURL)[1]
        found = re.search(r"(http\S+)/events\b.*?(sk_\w+)|(sk_\w+).*?(http\S+)/events\b", line)
        assert found, line
        self._url = found[1] or found[4]
        self._headers = {"Authorization": f"Bearer {found[2] or found[3]}"}

    def post(self, route: str, body: object) -> Any:
        response = requests.post(f"{self._url}/{route}", json=body, headers=self._headers, timeout=30)
        response.raise_for_status()
        return response.json()

    def get(self, route: str, **parameters: str) -> Any:
        response = requests.get(f"{self._url}/{route}", parameters, headers=self._headers, timeout=30)
        response.raise_for_status()
        return response.json()


@pytest.fixture
def receiver() -> Iterator[HoldingReceiver]:
    with HoldingReceiver() as holding:
        yield holding
        holding.release.set()


def test_a_kill_of_everything_and_a_broker_that_forgets_lose_nothing(
    start_run: StartRun, receiver: HoldingReceiver, empty_database_url: str, broker_url: str
) -> None:
    variables = {
        "DATABASE_URL": empty_database_url,
        "CELERY_BROKER_URL": broker_url,
        "WEBHOOKS_TIMEOUT": WALL_CLOCK,
    }
    run = start_run(**variables)
    api = Api(run)
    api.post("event-types", {"name": "parcel.sent"})
    endpoint = api.post("endpoints", {"url": receiver.url(), "event_types": ["parcel.sent"]})["id"]

    def with_status(status: str) -> list[dict[str, Any]]:
        found = api.get("deliveries", endpoint_id=endpoint, status=status, limit="250")
        deliveries: list[dict[str, Any]] = found["items"]
        return deliveries

    batch = [{"type": "parcel.sent", "data": {"number": number}} for number in range(EVENTS)]
    accepted = {event["id"] for event in api.post("events/batch", {"events": batch[:ANSWERED]})["events"]}
    wait_until(lambda: len(with_status("succeeded")) == ANSWERED, "what is answered is done")
    accepted |= {event["id"] for event in api.post("events/batch", {"events": batch[ANSWERED:]})["events"]}
    wait_until(
        lambda: len(receiver.requests) == ANSWERED + HELD and len(with_status("succeeded")) == ANSWERED,
        "some deliveries are done, some in flight, some waiting",
    )
    in_flight = {delivery["event_id"]: delivery["id"] for delivery in with_status("sending")}
    assert len(in_flight) == HELD

    run.signal_all(signal.SIGKILL)
    run.kill()
    wait_until(lambda: run.processes() == [], "everything is dead")
    if broker_url:
        with redis.Redis.from_url(broker_url) as broker:
            broker.flushdb()
    assert len(receiver.requests) == ANSWERED + HELD

    receiver.release.set()
    api = Api(start_run(**variables))
    wait_until(lambda: len(with_status("succeeded")) == EVENTS, "every delivery succeeded")
    assert receiver.times() == {event: 2 if event in in_flight else 1 for event in accepted}
    for delivery in in_flight.values():
        attempts = [
            (attempt["number"], attempt["status"], attempt["error_code"] or "")
            for attempt in api.get(f"deliveries/{delivery}")["attempts"]
        ]
        assert sorted(attempts) == [(1, "failed", "worker_lost"), (2, "succeeded", "")]
    once = [delivery for delivery in with_status("succeeded") if delivery["event_id"] not in in_flight]
    assert {delivery["attempt_count"] for delivery in once} == {1}
