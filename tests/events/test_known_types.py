"""What a process remembers of an event type never outlives the type: the very next emit sees every change.

The changes are made as another process makes them, by statements that tell this process nothing.
"""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from events import known_types
from events.emit import EmitRequest, emit, emit_batch
from events.event_types import delete_event_type
from events.models import Event, EventType
from switera_webhooks.refusals import Conflict, InvalidInput
from tests.factories import ACTOR
from webhooks.models import App

pytestmark = pytest.mark.django_db(transaction=True)
TEXT_OR_NOTHING = {"properties": {"size": {"type": "string"}}}
NUMBER_OR_NOTHING = {"properties": {"size": {"type": "integer"}}}


@pytest.fixture
def app() -> App:
    """An app whose types have been emitted before."""
    app = App.objects.create(name="Shop", slug="shop")
    for name in ("order.paid", "order.sized"):
        EventType.objects.create(app=app, name=name, schema=NUMBER_OR_NOTHING)
        emit(app, name, {})
    Event.objects.all().delete()
    return app


def change(app: App, **columns: object) -> None:
    EventType.objects.filter(app=app, name="order.sized").update(**columns)


def elsewhere(action: Callable[[], object]) -> None:
    """In a connection of its own."""
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


def statements(action: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        action()
    return [query["sql"].split(maxsplit=1)[0].upper() for query in queries]


@pytest.mark.postgresql
def test_a_type_that_is_remembered_costs_one_statement_and_no_transaction_of_its_own(app: App) -> None:
    several = [EmitRequest("order.sized", {"size": 1}), EmitRequest("order.paid", {})]

    assert statements(lambda: emit(app, "order.sized", {})) == ["INSERT"]
    assert statements(lambda: emit(app, "order.sized", {}, idempotency_key="k")) == ["INSERT"]
    assert statements(lambda: emit_batch(app, "live", several)) == ["INSERT"]
    assert Event.objects.count() == 4


def test_a_schema_that_became_stricter_or_looser_holds_for_the_next_emit(app: App) -> None:
    for schema, right, wrong in (
        (TEXT_OR_NOTHING, "large", 1),
        (NUMBER_OR_NOTHING, 1, "large"),
        (TEXT_OR_NOTHING, "large", 1),
    ):
        change(app, schema=schema)
        with pytest.raises(InvalidInput, match="breaks the schema"):
            emit(app, "order.sized", {"size": wrong})
        change(app, schema=None)
        change(app, schema=schema)
        emit(app, "order.sized", {"size": right})
    change(app, schema=None)
    emit(app, "order.sized", {"size": []})
    assert Event.objects.count() == 4


def test_a_deleted_type_is_unknown_to_the_next_emit_and_known_again_once_it_is_there_again(app: App) -> None:
    EventType.objects.filter(app=app, name="order.sized").delete()
    for key in (None, "k"):
        with pytest.raises(InvalidInput) as caught:
            emit(app, "order.sized", {}, idempotency_key=key)
        assert caught.value.code == "unknown_event_type"
    assert Event.objects.count() == 0

    EventType.objects.create(app=app, name="order.sized", schema=TEXT_OR_NOTHING)

    emit(app, "order.sized", {"size": "large"})
    assert Event.objects.count() == 1


@pytest.mark.postgresql
def test_a_deprecated_type_is_read_anew_and_then_remembered(app: App) -> None:
    change(app, deprecated=True)

    assert statements(lambda: emit(app, "order.sized", {})) == ["INSERT", "SELECT", "INSERT"]
    assert statements(lambda: emit(app, "order.sized", {})) == ["INSERT"]
    assert Event.objects.count() == 2


def test_of_a_batch_nothing_is_emitted_when_one_of_its_types_has_changed(app: App) -> None:
    batch = [EmitRequest("order.paid", {}, idempotency_key="a"), EmitRequest("order.sized", {"size": 1})]
    change(app, schema=TEXT_OR_NOTHING)

    with pytest.raises(InvalidInput) as caught:
        emit_batch(app, "live", batch)

    details = caught.value.details["events"]
    assert isinstance(details, dict)
    assert (list(details), Event.objects.count()) == (["1"], 0)
    change(app, schema=NUMBER_OR_NOTHING)
    assert len(emit_batch(app, "live", batch)) == Event.objects.count() == 2


def test_what_a_transaction_changed_holds_in_it_and_is_forgotten_with_it(app: App) -> None:
    def changes_its_mind() -> None:
        with transaction.atomic():
            change(app, schema=TEXT_OR_NOTHING)
            EventType.objects.create(app=app, name="order.sent")
            emit(app, "order.sized", {"size": "large"})
            emit(app, "order.sent", {})
            emit(app, "order.sent", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        changes_its_mind()

    emit(app, "order.sized", {"size": 1})
    for name, data in (("order.sized", {"size": "large"}), ("order.sent", {})):
        with pytest.raises(InvalidInput):
            emit(app, name, data)
    assert Event.objects.count() == 1


def test_a_repeat_gives_the_first_event_though_the_types_are_remembered(app: App) -> None:
    """S42."""
    first = emit(app, "order.sized", {"size": 1}, idempotency_key="k")
    again = emit(app, "order.sized", {"size": 1}, idempotency_key="k")
    batch = [EmitRequest("order.sized", {"size": 1}, idempotency_key="k"), EmitRequest("order.paid", {})]
    repeated, new = emit_batch(app, "live", batch)
    [alone] = emit_batch(app, "live", batch[:1])

    assert first.pk == again.pk == repeated.pk == alone.pk
    assert {event.pk for event in Event.objects.all()} == {first.pk, new.pk}


def test_what_is_remembered_is_the_apps_own(app: App) -> None:
    """S33."""
    rival = App.objects.create(name="Rival", slug="rival")

    with pytest.raises(InvalidInput, match="not in the event catalog"):
        emit(rival, "order.sized", {})


@pytest.mark.postgresql
def test_whoever_deletes_a_type_waits_for_its_first_emission(app: App) -> None:
    """In another connection: it sees no row that is not committed, so only the lock can tell."""
    EventType.objects.filter(app=app).update(first_emitted_at=None)
    outcomes: list[str] = []

    def delete() -> None:
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = 100")
        try:
            delete_event_type(EventType.objects.get(app=app, name="order.sized"), ACTOR)
        except OperationalError as error:
            outcomes.append(type(error.__cause__).__name__)
        except Conflict as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    with transaction.atomic():
        emit(app, "order.sized", {})
        elsewhere(delete)
    elsewhere(delete)

    assert outcomes == ["LockNotAvailable", "event_type_in_use"]


@pytest.mark.postgresql
def test_no_more_types_are_remembered_than_are_kept(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_types, "_KEPT", 2)
    for number in range(5):
        EventType.objects.create(app=app, name=f"order.number_{number}")
        emit(app, f"order.number_{number}", {})
        assert len(known_types._known) <= 3
    assert Event.objects.count() == 5
