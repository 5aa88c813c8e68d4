"""When a type is relied on, and what may not happen to it then; deprecated types, and one that leaves the code."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deliveries.endpoints import update_endpoint
from deliveries.engine.statements import statements
from deliveries.models import Delivery
from deliveries.test_send import send_test
from events import event_types, known_types
from events.catalog.built_in import BUILT_IN_TYPES
from events.emit import EmitRequest, emit, emit_batch
from events.event_type_use import next_version_name
from events.event_types import delete_event_type, sync_event_catalog, update_event_type, visible_event_types
from events.models import Event, EventType
from switera_webhooks.refusals import Conflict, Forbidden, InvalidInput
from tests.factories import ACTOR, make_app, make_endpoint, make_event_type
from webhooks.models import App, AuditEntry
from webhooks.views.event_picker import choices_of

pytestmark = pytest.mark.django_db
TEXT = {"properties": {"size": {"type": "string"}}}
NUMBER = {"properties": {"size": {"type": "integer"}}}


@pytest.fixture
def app() -> App:
    return make_app("Shop").app


@pytest.fixture
def sized(app: App) -> EventType:
    return make_event_type(app, "order.sized", schema=NUMBER)


def entries() -> list[str]:
    return list(AuditEntry.objects.filter(target_type="event_type").order_by("id").values_list("action", flat=True))


# The first emission -------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["live", "test"])
def test_the_first_emission_of_a_type_is_noted_once(app: App, sized: EventType, environment: str) -> None:
    other = make_event_type(app, "order.other")
    emit(app, "order.sized", {"size": 1}, environment=environment)
    sized.refresh_from_db()
    noted = sized.first_emitted_at
    assert noted is not None

    emit(app, "order.sized", {"size": 2})
    emit_batch(app, "live", [EmitRequest("order.sized", {"size": 3}), EmitRequest("order.sized", {"size": 4})])

    sized.refresh_from_db()
    other.refresh_from_db()
    assert (sized.first_emitted_at, other.first_emitted_at, Event.objects.count()) == (noted, None, 4)
    assert entries() == ["event_type.created", "event_type.created"]


def test_what_is_refused_and_what_is_only_tried_notes_nothing(app: App, sized: EventType) -> None:
    endpoint = make_endpoint(app)
    with pytest.raises(InvalidInput):
        emit(app, "order.sized", {"size": "large"})
    with pytest.raises(InvalidInput):
        emit_batch(app, "live", [EmitRequest("order.sized", {"size": 1}), EmitRequest("order.sized", {"size": ""})])
    send_test(endpoint, "order.sized", ACTOR, {"size": 1})

    sized.refresh_from_db()
    assert sized.first_emitted_at is None


def test_built_in_types_are_never_marked_nor_locked(app: App) -> None:
    sync_event_catalog()
    with CaptureQueriesContext(connection) as queries:
        emit(app, "webhook.test", dict(BUILT_IN_TYPES["webhook.test"].example))

    assert not [query for query in queries if "UPDATE" in query["sql"] or "FOR UPDATE" in query["sql"]]
    assert EventType.objects.get(name="webhook.test").first_emitted_at is None


def test_a_type_that_is_deleted_while_it_is_emitted_for_the_first_time_is_unknown(
    app: App, sized: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = known_types.mark_emitted

    def deleted_before(types: object) -> None:
        EventType.objects.filter(pk=sized.pk).delete()
        mark(types)  # type: ignore[arg-type]

    monkeypatch.setattr(known_types, "mark_emitted", deleted_before)
    with pytest.raises(InvalidInput) as caught:
        emit(app, "order.sized", {"size": 1})

    assert (caught.value.code, Event.objects.count()) == ("unknown_event_type", 0)


def test_a_schema_that_is_changed_while_its_type_is_emitted_for_the_first_time_holds_for_that_emit(
    app: App, sized: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = known_types.mark_emitted

    def changed_before(types: object) -> None:
        EventType.objects.filter(pk=sized.pk).update(schema=TEXT)
        mark(types)  # type: ignore[arg-type]

    monkeypatch.setattr(known_types, "mark_emitted", changed_before)
    with pytest.raises(InvalidInput, match="breaks the schema"):
        emit(app, "order.sized", {"size": 1})

    assert Event.objects.count() == 0


@pytest.mark.parametrize(
    "action",
    [
        lambda event_type: delete_event_type(event_type, ACTOR),
        lambda event_type: update_event_type(event_type, {"schema": TEXT}, ACTOR),
    ],
    ids=["delete", "change"],
)
def test_what_is_emitted_just_before_a_type_is_locked_counts(
    app: App, sized: EventType, monkeypatch: pytest.MonkeyPatch, action: Callable[[EventType], object]
) -> None:
    lock = event_types._locked

    def emitted_before(event_type: EventType) -> EventType:
        emit(app, "order.sized", {"size": 1})
        return lock(event_type)

    monkeypatch.setattr(event_types, "_locked", emitted_before)
    with pytest.raises(Conflict):
        action(sized)

    assert EventType.objects.get(pk=sized.pk).schema == NUMBER
    assert entries() == ["event_type.created"]


# Deleting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["live", "test"])
def test_a_type_that_an_endpoint_names_stays_until_it_does_not(app: App, sized: EventType, environment: str) -> None:
    make_endpoint(app, event_types=["*", "order.*"])
    make_event_type(app, "order.sized.twice")
    make_endpoint(app, event_types=["order.sized.twice"])
    rival = make_app("Rival").app
    make_endpoint(rival, event_types=[make_event_type(rival, "order.sized").name])
    named = make_endpoint(app, environment=environment, event_types=["order.*", "order.sized"])
    with pytest.raises(Conflict, match="An endpoint subscribes to") as caught:
        delete_event_type(sized, ACTOR)
    assert caught.value.code == "event_type_in_use"
    assert EventType.objects.filter(pk=sized.pk).exists()

    update_endpoint(named, {"event_types": ["order.*"]}, ACTOR)
    delete_event_type(sized, ACTOR)

    assert not EventType.objects.filter(pk=sized.pk).exists()
    assert entries()[-1] == "event_type.deleted"
    with pytest.raises(Conflict) as gone:
        delete_event_type(sized, ACTOR)
    assert gone.value.code == "event_type_gone"


def test_whether_a_type_is_used_takes_no_look_at_events(app: App, sized: EventType) -> None:
    """However many there are: one row of the type, and the app's endpoints looked through by the database."""
    with CaptureQueriesContext(connection) as queries:
        delete_event_type(sized, ACTOR)

    assert not [query for query in queries if "events_event" in query["sql"].replace("events_eventtype", "")]


# Changing -----------------------------------------------------------------------------------------


def test_a_type_on_which_nobody_relies_changes_freely(app: App, sized: EventType) -> None:
    make_endpoint(app, event_types=["*"])
    send_test(make_endpoint(app, event_types=["order.*"]), "order.sized", ACTOR, {"size": 1})

    for schema in (TEXT, None, NUMBER):
        assert update_event_type(sized, {"schema": schema}, ACTOR).schema == schema


@pytest.mark.parametrize("relied_on_by", ["emitting", "naming"])
def test_a_type_that_is_relied_on_only_grows(app: App, sized: EventType, relied_on_by: str) -> None:
    if relied_on_by == "emitting":
        emit(app, "order.sized", {})
    else:
        make_endpoint(app, event_types=["order.sized"])

    for schema in (TEXT, None, {**NUMBER, "required": ["size"]}):
        with pytest.raises(Conflict) as caught:
            update_event_type(sized, {"schema": schema, "description": "Other."}, ACTOR)
        assert caught.value.code == "breaking_schema_change"
        assert caught.value.message.endswith(": give the changed event a new name such as order.sized.v2.")
        assert caught.value.details == {"schema": [caught.value.message]}
    now = EventType.objects.get(pk=sized.pk)
    assert (now.schema, now.description, entries()) == (NUMBER, "", ["event_type.created"])
    grown = {"properties": {**NUMBER["properties"], "unit": {"type": "string"}}}
    assert update_event_type(sized, {"schema": grown, "description": "Other."}, ACTOR).schema == grown


def test_a_first_schema_takes_nothing_from_anybody(app: App) -> None:
    bare = make_event_type(app, "order.bare")
    emit(app, "order.bare", {"size": "large"})

    assert update_event_type(bare, {"schema": NUMBER}, ACTOR).schema == NUMBER


def test_many_breaks_are_told_as_a_few(app: App) -> None:
    schema = {"properties": {f"field{number}": True for number in range(6)}}
    large = make_event_type(app, "order.large", schema=schema)
    emit(app, "order.large", {})

    with pytest.raises(Conflict) as caught:
        update_event_type(large, {"schema": {"properties": {"other": {}}}}, ACTOR)

    assert caught.value.message == (
        "`field0` was removed; `field1` was removed; `field2` was removed; `field3` was removed; and 2 more: "
        "give the changed event a new name such as order.large.v2."
    )


def test_the_next_name_is_the_first_version_that_is_free(app: App) -> None:
    names = {
        "order.paid": "order.paid.v4",
        "order.paid.v2": "order.paid.v4",
        "order.paid.v3": "order.paid.v4",
        "order.v2": "order.v2.v2",
        "order.sent": "order.sent.v2",
        "a." + "b" * 126: None,
    }
    types = [make_event_type(app, name) for name in names]
    make_event_type(make_app("Rival").app, "order.sent.v2")

    assert {each.name: next_version_name(each) for each in types} == names


# Deprecated, and retired --------------------------------------------------------------------------


def test_a_deprecated_type_is_emitted_delivered_and_kept_where_it_is_chosen(app: App, sized: EventType) -> None:
    endpoint = make_endpoint(app, event_types=["order.sized"])
    update_event_type(sized, {"deprecated": True}, ACTOR)

    emit(app, "order.sized", {"size": 1})
    statements().fan_out(10)

    assert list(Delivery.objects.values_list("endpoint_id", "event_type")) == [(endpoint.pk, "order.sized")]
    update_endpoint(endpoint, {"name": "Still here", "event_types": ["order.sized"]}, ACTOR)
    offered = choices_of(visible_event_types(app), [])
    kept = choices_of(visible_event_types(app), ["order.sized"])
    assert [choice.pattern for family in offered.families for choice in family.types] == []
    assert [(c.pattern, c.chosen, c.deprecated) for c in kept.families[0].types] == [("order.sized", True, True)]
    update_event_type(sized, {"deprecated": False}, ACTOR)
    assert entries() == ["event_type.created", "event_type.updated", "event_type.updated"]


def test_a_built_in_type_that_leaves_the_code_is_deprecated_and_breaks_no_subscriber(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_event_catalog()
    endpoint = make_endpoint(app, event_types=["email.sent"])
    example = dict(BUILT_IN_TYPES["email.sent"].example)
    retired = {name: declared for name, declared in BUILT_IN_TYPES.items() if name != "email.sent"}
    monkeypatch.setattr(event_types, "BUILT_IN_TYPES", retired)

    assert sync_event_catalog().deprecated == 1

    row = EventType.objects.get(name="email.sent")
    assert row.deprecated
    emit(app, "email.sent", example)  # as an older process, or the platform, still does
    statements().fan_out(10)
    assert list(Delivery.objects.values_list("endpoint_id", "event_type")) == [(endpoint.pk, "email.sent")]
    changed = update_endpoint(endpoint, {"name": "Mail", "event_types": ["email.sent", "order.*"]}, ACTOR).endpoint
    assert (changed.name, changed.event_types) == ("Mail", ["email.sent", "order.*"])
    kept = choices_of(visible_event_types(app), ["email.sent"]).families
    assert [c.deprecated for family in kept for c in family.types if c.pattern == "email.sent"] == [True]
    with pytest.raises(Forbidden):
        delete_event_type(row, ACTOR)
    monkeypatch.undo()
    assert sync_event_catalog().updated == 1
    assert not EventType.objects.get(name="email.sent").deprecated
