"""Test sends: to one endpoint alone, with the type's example or data that fits it."""

import pytest
from pytest_django import Settings

from deliveries.engine.statements import statements
from deliveries.models import Delivery
from deliveries.test_send import check_test_data, send_test
from events.event_types import sync_event_catalog
from events.models import Event, EventType
from switera_webhooks.refusals import InvalidInput, LimitReached, TooLarge
from tests.deliveries.engine.rows import make_app, make_endpoint
from tests.deliveries.refusing import audited
from tests.factories import ACTOR
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db


def test_a_test_send_goes_to_its_endpoint_alone_even_a_disabled_one() -> None:
    sync_event_catalog()
    app = make_app()
    endpoint = make_endpoint(app, "order.paid", held=True)
    Endpoint.objects.update(disabled_at="2020-01-01T00:00:00Z", disabled_reason="manual")
    make_endpoint(app, "*")

    delivery = send_test(endpoint, "webhook.test", ACTOR)

    event = Event.objects.get()
    assert (event.test, event.dispatched_at is not None, event.environment) == (True, True, "live")
    assert event.data == {
        "message": "This is a test event from Switera.",
        "sent_by": "manage.py test",
        "endpoint_id": endpoint.public_id,
    }
    assert Delivery.objects.get() == delivery
    assert [claim.delivery_id for claim in statements().claim(10, 25)] == [delivery.id]
    assert audited() == [("endpoint.tested", "command")]


def test_an_example_from_before_examples_had_to_be_objects_is_not_sent() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    EventType.objects.create(app=app, name="order.listed", example=[1])

    with pytest.raises(InvalidInput, match=r"or change the example of order\.listed\.$"):
        send_test(endpoint, "order.listed", ACTOR)
    assert (Event.objects.count(), Delivery.objects.count(), audited()) == (0, 0, [])

    assert send_test(endpoint, "order.listed", ACTOR, {"n": 1}).event.data == {"n": 1}


def test_a_test_send_takes_the_types_example_or_valid_data() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    schema = {"type": "object", "properties": {"size": {"type": "integer"}}}
    EventType.objects.create(app=app, name="order.sized", schema=schema, example={"size": 3})

    assert send_test(endpoint, "order.sized", ACTOR).event.data == {"size": 3}
    assert send_test(endpoint, "order.sized", ACTOR, {"size": 4}).event.data == {"size": 4}
    for name, data in (("order.sized", {"size": "x"}), ("order.lost", None), ("\0", None)):
        with pytest.raises(InvalidInput):
            send_test(endpoint, name, ACTOR, data)
    assert Event.objects.count() == 2


def test_s41b_data_of_a_test_send_is_measured_before_its_schema_is_asked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make_endpoint(make_app())
    asked: list[object] = []
    monkeypatch.setattr("deliveries.test_send.check_event_data", lambda _, data: asked.append(data))
    settings.WEBHOOKS_MAX_PAYLOAD_BYTES = 400

    with pytest.raises(TooLarge):
        send_test(endpoint, "order.paid", ACTOR, {"text": "x" * 400})

    assert asked == []
    assert (Event.objects.count(), Delivery.objects.count(), audited()) == (0, 0, [])
    assert send_test(endpoint, "order.paid", ACTOR, {"text": "x"}).event.data == {"text": "x"}


def test_checking_the_data_of_a_test_send_sends_nothing() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    schema = {"type": "object", "properties": {"size": {"type": "integer"}}}
    sized = EventType.objects.create(app=app, name="order.sized", schema=schema)

    check_test_data(endpoint, sized, {"size": 3})
    with pytest.raises(InvalidInput) as caught:
        check_test_data(endpoint, sized, {"size": "x"})

    assert caught.value.details == {"data": ["data.size must be an integer."]}
    assert (Event.objects.count(), Delivery.objects.count(), audited()) == (0, 0, [])


def test_test_sends_are_limited_a_minute(settings: Settings) -> None:
    """S39."""
    settings.WEBHOOKS_TEST_SENDS_PER_MINUTE = 2
    app = make_app()
    endpoint = make_endpoint(app)
    for _ in range(2):
        send_test(endpoint, "order.paid", ACTOR)

    with pytest.raises(LimitReached) as caught:
        send_test(endpoint, "order.paid", ACTOR)

    assert (caught.value.code, caught.value.retry_after) == ("too_many_test_sends", 60)
    assert Delivery.objects.count() == 2
