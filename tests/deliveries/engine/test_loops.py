"""S40, a loop tried on purpose: endpoints for `*` and `webhook.*` that always answer 500, run until nothing is due."""

from collections import Counter

import pytest
from pytest_django import Settings

from deliveries.endpoints import EndpointFields, create_endpoint
from deliveries.engine.drain import Engine
from deliveries.models import Attempt, Delivery, Lane
from events.event_types import sync_event_catalog
from events.models import Event
from tests.deliveries.engine.rows import make_app, make_due, make_events
from tests.factories import ACTOR
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Receiver
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)
ATTEMPTS = 3
CREATED, FAILED, DISABLED = "webhook.endpoint.created", "webhook.delivery.failed", "webhook.endpoint.disabled"


@pytest.fixture(autouse=True)
def _short(settings: Settings) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = (0.0,) * (ATTEMPTS - 1)
    sync_event_catalog()


def add(app: App, receiver: Receiver) -> Endpoint:
    return create_endpoint(app, "live", EndpointFields(receiver.url(), ["*", "webhook.*"]), ACTOR).endpoint


def run_to_exhaustion(engine: Engine) -> None:
    """Until a round finds nothing: a loop would never end, so rounds are few. Circuit breakers' time passes too."""
    for _ in range(20):
        Lane.objects.update(open_until=None)
        make_due(Delivery.objects.all())
        if not engine.drain(None).sent and not Delivery.objects.filter(status="pending", endpoint__disabled_at=None):
            return
    raise AssertionError("It goes on and on.")


def events() -> dict[str, int]:
    return dict(Counter(Event.objects.values_list("type", flat=True)))


def deliveries() -> dict[tuple[str, str], int]:
    return dict(Counter(Delivery.objects.values_list("event_type", "status")))


def test_one_alone_is_told_of_nothing(engine: Engine) -> None:
    """Ten events fail for good: ten deliveries, ten notices of it, and nobody whom they may be sent to."""
    app = make_app()
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        add(app, receiver)
        make_events(app, 10)
        run_to_exhaustion(engine)

    assert events() == {"order.paid": 10, CREATED: 1, FAILED: 10}
    assert deliveries() == {("order.paid", "failed"): 10}
    assert Attempt.objects.count() == 10 * ATTEMPTS
    assert not Event.objects.filter(dispatched_at=None).exists()


def test_two_are_told_of_each_other_once(engine: Engine) -> None:
    """Each event makes two deliveries, each of them a notice to the other endpoint, and that one's failure none.

    And the second endpoint's making is told to the first.
    """
    app = make_app()
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        first, second = add(app, receiver), add(app, receiver)
        make_events(app, 10)
        run_to_exhaustion(engine)

    assert events() == {"order.paid": 10, CREATED: 2, FAILED: 20}
    assert deliveries() == {("order.paid", "failed"): 20, (FAILED, "failed"): 20, (CREATED, "failed"): 1}
    assert Attempt.objects.count() == 41 * ATTEMPTS
    about = dict(Event.objects.values_list("pk", "about_endpoint_id"))
    for event, endpoint in Delivery.objects.filter(event_type=FAILED).values_list("event", "endpoint"):
        assert {about[event], endpoint} == {first.pk, second.pk}


def test_two_that_are_disabled_for_it_are_told_of_each_other_once(engine: Engine, settings: Settings) -> None:
    """The first failure disables at once: one notice an endpoint, held by the other, which is disabled too."""
    settings.WEBHOOKS_DISABLE_AFTER = 0
    app = make_app()
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        add(app, receiver)
        add(app, receiver)
        make_events(app, 10)
        run_to_exhaustion(engine)

    assert Endpoint.objects.filter(disabled_reason="sustained_failure").count() == 2
    assert events() == {"order.paid": 10, CREATED: 2, DISABLED: 2}
    assert deliveries() == {("order.paid", "pending"): 20, (DISABLED, "pending"): 2, (CREATED, "pending"): 1}
