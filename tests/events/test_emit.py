"""Emitting joins the caller's transaction; an idempotency key gives one event."""

import datetime as dt
import json
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from events.emit import EmitRequest, emit, emit_batch
from events.event_types import sync_event_catalog
from events.models import Event, EventType
from switera_webhooks.refusals import Conflict, Forbidden, InvalidInput, Refusal, TooLarge
from webhooks.models import App, Organization

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    app = App.objects.create(name="Shop", slug="shop")
    EventType.objects.create(app=app, name="order.paid")
    EventType.objects.create(
        app=app, name="order.sized", schema={"type": "object", "properties": {"size": {"type": "integer"}}}
    )
    return app


def refused(action: Callable[[], object], kind: type[Refusal]) -> Refusal:
    """The refusal of the action, after which no event is there."""
    with pytest.raises(kind) as caught:
        action()
    assert Event.objects.count() == 0
    return caught.value


def test_an_event_is_one_committed_row_with_the_exact_text_that_is_sent(app: App) -> None:
    at = dt.datetime(2026, 1, 31, 13, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))

    event = emit(app, "order.paid", {"total": 10, "to": "Zoë ☃"}, timestamp=at)

    row = Event.objects.get()
    assert row.payload == (
        f'{{"id":"{event.public_id}","type":"order.paid","timestamp":"2026-01-31T12:00:00Z","app_id":"{app.public_id}",'
        '"environment":"live","organization_id":null,"test":false,"data":{"total":10,"to":"Zoë ☃"}}'
    )
    assert (row.id, row.type, row.environment, row.test, row.dispatched_at) == (
        event.id,
        "order.paid",
        "live",
        False,
        None,
    )
    assert (row.created_at, row.data) == (event.created_at, {"total": 10, "to": "Zoë ☃"})


def test_an_emit_is_rolled_back_with_the_callers_transaction(app: App) -> None:
    """The event and the caller's own rows are there together, or not at all."""

    def changes_its_mind() -> None:
        with transaction.atomic():
            Organization.objects.create(app=app, name="Acme", slug="acme")
            emit(app, "order.paid", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        changes_its_mind()

    assert (Event.objects.count(), Organization.objects.count()) == (0, 0)


def test_emitting_touches_no_lane_and_takes_two_queries(app: App) -> None:
    EventType.objects.update(first_emitted_at=timezone.now())  # the first emission marks its type

    with CaptureQueriesContext(
        connection,
    ) as queries:
        emit(app, "order.paid", {})
    statements = [query["sql"] for query in queries if not query["sql"].startswith(("BEGIN", "COMMIT"))]
    assert len(statements) == 2
    assert not any("deliveries_lane" in statement for statement in statements)


def test_a_type_that_is_not_in_the_catalog_is_refused(app: App) -> None:
    for name in ("order.lost", "", "order.paid\0", "ORDER.PAID", "x" * 5_000):
        problem = refused(lambda name=name: emit(app, name, {}), InvalidInput)  # type: ignore[misc]
        assert (problem.code, list(problem.details)) == ("unknown_event_type", ["type"])


def test_data_that_breaks_the_types_schema_is_refused(app: App) -> None:
    problem = refused(lambda: emit(app, "order.sized", {"size": "large"}), InvalidInput)
    assert list(problem.details) == ["data"]
    assert "order.sized" in problem.message


def test_a_stored_schema_that_is_not_accepted_any_more_is_told(app: App) -> None:
    EventType.objects.create(app=app, name="order.old", schema={"$ref": "https://example.com/schema.json"})

    problem = refused(lambda: emit(app, "order.old", {}), InvalidInput)

    assert list(problem.details) == ["type"]
    assert "order.old" in problem.message


def test_what_is_not_json_is_refused(app: App) -> None:
    for data in (float("nan"), float("inf"), {"a": object()}, {("a",): 1}):
        assert list(refused(lambda data=data: emit(app, "order.paid", data), InvalidInput).details) == ["data"]  # type: ignore[misc]


def test_half_a_surrogate_pair_and_nul_survive_as_escapes(app: App) -> None:
    """S20: PostgreSQL text cannot hold them as they are."""
    data = {"half": "\ud83d", "nul": "a\0b", "whole": "😀"}

    emit(app, "order.paid", data)

    assert Event.objects.get().data == data


def test_a_payload_over_the_limit_is_refused(app: App, settings: Settings) -> None:
    """S28: the limit is of the body as sent, in bytes."""
    settings.WEBHOOKS_MAX_PAYLOAD_BYTES = 1_024
    room = 1_024 - len(emit(app, "order.paid", {"text": ""}).payload)
    Event.objects.all().delete()
    # A body of the longest timestamp, so that all are of one length.
    at = dt.datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=dt.UTC)

    problem = refused(lambda: emit(app, "order.paid", {"text": "é" * (room // 2 + 1)}, timestamp=at), TooLarge)

    assert problem.code == "payload_too_large"
    emit(app, "order.paid", {"text": "x" * (room - 8)}, timestamp=at)
    assert Event.objects.count() == 1


def test_a_time_without_its_offset_or_out_of_range_is_refused(app: App) -> None:
    early = dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14)))
    for at in (dt.datetime(2026, 1, 1), early):  # noqa: DTZ001 (what is refused)
        problem = refused(lambda at=at: emit(app, "order.paid", {}, timestamp=at), InvalidInput)  # type: ignore[misc]
        assert list(problem.details) == ["timestamp"]


def test_an_organization_must_be_the_apps_own(app: App) -> None:
    """S33."""
    mine = Organization.objects.create(app=app, name="Acme", slug="acme")
    other = App.objects.create(name="Other", slug="other")
    theirs = Organization.objects.create(app=other, name="Acme", slug="acme")
    for unknown in (theirs.id, uuid4()):
        problem = refused(lambda key=unknown: emit(app, "order.paid", {}, organization_id=key), InvalidInput)  # type: ignore[misc]
        assert list(problem.details) == ["organization_id"]

    event = emit(app, "order.paid", {}, organization_id=mine.id)

    assert json.loads(event.payload)["organization_id"] == mine.public_id


def test_built_in_types_are_the_products_own(app: App) -> None:
    sync_event_catalog()
    example = EventType.objects.get(app=None, name="app.updated").example

    problem = refused(lambda: emit(app, "app.updated", example, builders_only=True), Forbidden)

    assert problem.code == "built_in_event_type"
    assert emit(app, "app.updated", example).type == "app.updated"


def test_the_same_idempotency_key_with_the_same_body_gives_the_same_event(app: App) -> None:
    """S42."""
    first = emit(app, "order.paid", {"a": 1, "b": 2}, idempotency_key="k")
    again = emit(app, "order.paid", {"b": 2, "a": 1}, idempotency_key="k")

    assert again.id == first.id
    assert again.payload == first.payload
    assert Event.objects.count() == 1


def test_data_with_keys_that_json_makes_text_of_has_one_digest(app: App) -> None:
    """S42: what counts is the JSON that was emitted."""
    first = emit(app, "order.paid", {1: "a", "b": 2}, idempotency_key="k")

    assert emit(app, "order.paid", {"1": "a", "b": 2}, idempotency_key="k").id == first.id


def test_the_same_idempotency_key_with_another_body_is_a_conflict(app: App) -> None:
    """S42."""
    emit(app, "order.paid", {"a": 1}, idempotency_key="k")
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for other in (
        EmitRequest("order.paid", {"a": 2}, idempotency_key="k"),
        EmitRequest("order.sized", {"a": 1}, idempotency_key="k"),
        EmitRequest("order.paid", {"a": 1}, timestamp=at, idempotency_key="k"),
    ):
        with pytest.raises(Conflict) as caught:
            emit_batch(app, "live", [other])
        assert caught.value.code == "idempotency_conflict"
    assert Event.objects.count() == 1


def test_idempotency_keys_of_other_apps_and_environments_are_other_keys(app: App) -> None:
    other = App.objects.create(name="Other", slug="other")
    EventType.objects.create(app=other, name="order.paid")

    events = [
        emit(app, "order.paid", {}, idempotency_key="k"),
        emit(app, "order.paid", {}, idempotency_key="k", environment="test"),
        emit(other, "order.paid", {}, idempotency_key="k"),
    ]

    assert len({event.id for event in events}) == 3


def test_an_idempotency_key_is_1_to_255_printable_characters(app: App) -> None:
    for key in ("", "x" * 256, "a\0b", "a\nb", "\ud83d"):
        problem = refused(lambda key=key: emit(app, "order.paid", {}, idempotency_key=key), InvalidInput)  # type: ignore[misc]
        assert list(problem.details) == ["idempotency_key"]
    emit(app, "order.paid", {}, idempotency_key="x" * 255)


def test_a_batch_is_answered_in_its_order(app: App) -> None:
    requests = [EmitRequest("order.paid", {"n": n}, idempotency_key=f"k{9 - n}" if n % 2 else None) for n in range(10)]

    events = emit_batch(app, "live", requests)

    assert [event.data for event in events] == [{"n": n} for n in range(10)]
    assert Event.objects.count() == 10


def test_a_batch_is_all_or_none_and_names_what_is_wrong(app: App) -> None:
    requests = [EmitRequest("order.paid", {}), EmitRequest("order.lost", {}), EmitRequest("order.sized", {"size": "x"})]

    problem = refused(lambda: emit_batch(app, "live", requests), InvalidInput)

    assert problem.code == "unknown_event_type"
    details = problem.details["events"]
    assert isinstance(details, dict)
    assert list(details) == ["1", "2"]


def test_a_batch_holds_1_to_1000_events(app: App) -> None:
    refused(lambda: emit_batch(app, "live", []), InvalidInput)
    refused(lambda: emit_batch(app, "live", [EmitRequest("order.paid", {})] * 1_001), InvalidInput)

    assert len(emit_batch(app, "live", [EmitRequest("order.paid", {})] * 1_000)) == 1_000
    assert Event.objects.count() == 1_000


def test_keys_within_a_batch_are_idempotent_and_a_conflict_refuses_all_of_it(app: App) -> None:
    """S42."""
    same = EmitRequest("order.paid", {"a": 1}, idempotency_key="k")
    other = EmitRequest("order.paid", {"a": 2}, idempotency_key="k")

    refused(lambda: emit_batch(app, "live", [EmitRequest("order.paid", {}), same, other]), Conflict)
    first, second = emit_batch(app, "live", [same, same])

    assert first.id == second.id
    assert Event.objects.count() == 1


def test_batches_side_by_side_with_the_same_keys_give_each_event_once(app: App) -> None:
    """Whatever the order of their keys: no deadlock, no duplicate."""
    keys = [f"key-{n}" for n in range(40)]
    results: list[set[object]] = []
    problems: list[Exception] = []

    def work(order: list[str]) -> None:
        try:
            requests = [EmitRequest("order.paid", {"key": key}, idempotency_key=key) for key in order]
            results.append({event.id for event in emit_batch(app, "live", requests)})
        except Exception as problem:  # noqa: BLE001 (told to the test below)
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(order,)) for order in (keys, keys[::-1], keys[20:] + keys[:20])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert len(set.union(*results)) == Event.objects.count() == 40
