"""Where an emit meets its type's schema."""

import time

import pytest

from events.emit import emit
from events.models import Event, EventType
from switera_webhooks.refusals import InvalidInput, TooLarge
from webhooks.models import App

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    app = App.objects.create(name="Shop", slug="shop")
    # What the engine for patterns is slowest at, as large as is taken.
    EventType.objects.create(app=app, name="order.paid", schema={"properties": {"id": {"pattern": "1[01]{128}[2-9]"}}})
    return app


def test_s41b_a_payload_that_is_too_large_is_refused_before_its_schema_is_tried(app: App) -> None:
    """Bounds hold for payloads that may be sent: 16 MiB would take ten seconds here."""
    started = time.thread_time()

    with pytest.raises(TooLarge) as refused:
        emit(app, "order.paid", {"id": "10" * 8_000_000})

    assert refused.value.code == "payload_too_large"
    assert time.thread_time() - started < 1
    assert Event.objects.count() == 0


def test_data_against_the_schema_is_refused_with_its_place(app: App) -> None:
    with pytest.raises(InvalidInput) as refused:
        emit(app, "order.paid", {"id": "x"})

    assert refused.value.message == (
        'data breaks the schema of order.paid: data.id must match the pattern "1[01]{128}[2-9]".'
    )
    assert refused.value.details == {"data": ['data.id must match the pattern "1[01]{128}[2-9]".']}
    assert Event.objects.count() == 0
