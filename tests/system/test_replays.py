"""S41, S43: real workers do a replay, and a kill -9 of everything in the middle loses none of it."""

import signal
from collections.abc import Iterator

import pytest
import redis

from tests.receivers.behaviours import OK, answers
from tests.receivers.server import Receiver
from tests.system.conftest import StartRun
from tests.system.service import wait_until
from tests.system.test_nothing_lost import Api

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

# Two batches.
EVENTS = 300


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answers(OK)) as receiver:
        yield receiver


def test_a_replay_goes_on_after_a_kill_of_everything(
    start_run: StartRun,
    receiver: Receiver,
    empty_database_url: str,
    broker_url: str,
) -> None:
    variables = {"DATABASE_URL": empty_database_url, "CELERY_BROKER_URL": broker_url, "WEBHOOKS_TIMEOUT": "2"}
    run = start_run(**variables)
    api = Api(run)
    api.post("event-types", {"name": "parcel.sent"})
    batch = [{"type": "parcel.sent", "data": {"number": number}} for number in range(EVENTS)]
    emitted = {event["id"] for event in api.post("events/batch", {"events": batch})["events"]}
    # It comes late: all were emitted before it was there.
    endpoint = api.post("endpoints", {"url": receiver.url(), "event_types": ["parcel.sent"]})["id"]

    asked = {"endpoint_id": endpoint, "kind": "missing"}
    replay = api.post("replays", asked)
    assert (replay["count"], replay["status"]) == (EVENTS, "queued")
    wait_until(lambda: bool(receiver.requests), "the first ones arrive")
    run.signal_all(signal.SIGKILL)
    run.kill()
    if broker_url:
        with redis.Redis.from_url(broker_url) as broker:
            broker.flushdb()

    api = Api(start_run(**variables))
    wait_until(lambda: bool(api.get(f"replays/{replay['id']}")["status"] == "completed"), "the replay is completed")
    done = api.get(f"replays/{replay['id']}")
    assert (done["count"], done["progress"], done["created"], done["skipped"]) == (EVENTS, EVENTS, EVENTS, 0)

    def arrived() -> set[str | None]:
        return {request.header("webhook-id") for request in list(receiver.requests)}

    wait_until(lambda: arrived() == emitted, "every event arrived")
    assert api.post("replays", asked)["count"] == 0
