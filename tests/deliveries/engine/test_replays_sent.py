"""What a replay sends: for real to a receiver, and after first attempts."""

from io import StringIO
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from deliveries import replay_batches
from deliveries.engine.drain import Engine
from deliveries.engine.statements import statements
from deliveries.models import Delivery, ReplayKind
from events.models import Event
from tests.deliveries.engine.rows import attempts, lane_of, make_app, make_due, make_endpoint, make_events
from tests.deliveries.replaying import make_failed, outcome, start, undelivered, work
from tests.receivers.behaviours import OK, answer, answers, answers_each_connection
from tests.receivers.server import Receiver
from webhooks.models import App

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    return make_app()


def test_without_celery_deliver_due_does_them(app: App, settings: Settings) -> None:
    with Receiver(answers(OK)) as receiver:
        endpoint = make_endpoint(app, url=receiver.url())
        make_failed(endpoint, 5)
        undelivered(app, 5)
        replays = [start(app), start(app, ReplayKind.MISSING, endpoint_id=endpoint.pk)]
        out = StringIO()
        call_command("deliver_due", "--until-empty", stdout=out)
        assert (out.getvalue(), len(receiver.requests)) == ("Made 10 attempts.\n", 10)
    assert {outcome(replay)[0] for replay in replays} == {"completed"}
    assert set(Delivery.objects.values_list("status", flat=True)) == {"succeeded"}


def test_attempt_numbers_go_on_and_the_schedule_begins_anew(
    app: App,
    engine: Engine,
    settings: Settings,
) -> None:
    """S27: the same webhook-id and body each time."""
    settings.WEBHOOKS_RETRY_SCHEDULE = (100.0,)
    no = answer("500 Internal Server Error", b"", "Connection: close")
    with Receiver(answers_each_connection([no, no, no, OK])) as receiver:
        make_endpoint(app, url=receiver.url())
        make_events(app)
        engine.drain(None)
        make_due(Delivery.objects.all())
        engine.drain(None)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempt_count) == ("failed", 2)

        start(app)
        work()
        engine.drain(None)
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempt_count, delivery.schedule_position) == ("pending", 3, 1)
        make_due(Delivery.objects.all())
        engine.drain(None)

        requests = receiver.requests
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempt_count) == ("succeeded", 4)
    assert [attempt[0] for attempt in attempts()] == [1, 2, 3, 4]
    assert [request.header("switera-attempt") for request in requests] == ["1", "2", "3", "4"]
    assert {request.header("webhook-id") for request in requests} == {delivery.event.public_id}
    assert {request.body for request in requests} == {delivery.event.payload.encode()}


def test_first_attempts_are_not_behind_a_replay_of_ten_thousand(app: App) -> None:
    endpoint = make_endpoint(app)
    now = timezone.now()
    about = {"app": app, "environment": "live"}
    events = Event.objects.bulk_create(
        [
            Event(**about, type="order.paid", payload="{}", occurred_at=now, created_at=now, dispatched_at=now)
            for _ in range(10_000)
        ]
    )
    Delivery.objects.bulk_create(
        Delivery(**about, event=event, endpoint=endpoint, event_type=event.type, status="failed", created_at=now)
        for event in events
    )
    with patch.object(replay_batches, "REST_SHARE", 0.0):
        replay = start(app)
        work()
    assert outcome(replay) == ("completed", 10_000, 10_000, 0, 0)
    (fresh,) = make_events(app)
    statements().fan_out(10)
    claimed = statements().claim(100, 25.0)
    assert (len(claimed), lane_of(endpoint).in_flight) == (16, 16)
    assert fresh.pk in [claim.event_id for claim in claimed]
    oldest = [event.pk for event in events[:15]]
    assert {claim.event_id for claim in claimed} == {fresh.pk, *oldest}
