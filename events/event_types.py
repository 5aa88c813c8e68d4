"""The catalog's rows: built-in types written from code, and what a Builder adds, changes and removes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from events.catalog.built_in import BUILT_IN_TYPES, is_built_in_family
from events.catalog.json_values import same_json
from events.catalog.patterns import InvalidPattern, check_event_type_name
from events.catalog.refusals import SchemaRefused
from events.catalog.schemas import check_schema
from events.event_data import check_type_example
from events.event_type_use import reason_to_keep, refuse_breaking_change
from events.models import EventType
from switera_webhooks.refusals import Conflict, Forbidden, InvalidInput
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import App

# Characters of a schema or an example that the audit entry of a new type repeats: an import may add 2,000 types.
_TOLD_AT_MOST = 8 * 1024
_CHANGEABLE = ("description", "schema", "example", "deprecated")


def visible_event_types(app: App) -> QuerySet[EventType]:
    """What an endpoint of this app can subscribe to: the built-in types and the app's own."""
    return EventType.objects.filter(Q(app=app) | Q(app=None))


def create_event_type(
    app: App,
    name: str,
    description: str,
    schema: object | None,
    example: object | None,
    actor: Actor,
    *,
    deprecated: bool = False,
) -> EventType:
    """Define a type. Raises InvalidInput (name, schema, example), Conflict (defined already)."""
    check_new_name(name)
    check_shape(schema, example)
    try:
        with transaction.atomic():
            event_type = EventType.objects.create(
                app=app, name=name, description=description, schema=schema, example=example, deprecated=deprecated
            )
            _record(event_type, actor, "event_type.created", _told_of_new(event_type))
    except IntegrityError as error:
        raise Conflict(
            f"{name} is defined already: change it instead.", code="event_type_exists", details={"name": ["Taken."]}
        ) from error
    return event_type


def update_event_type(event_type: EventType, changes: Mapping[str, object], actor: Actor) -> EventType:
    """Change description, schema, example or deprecated; what stays the same writes nothing.

    Raises Forbidden (built in), InvalidInput (schema, example), Conflict (a schema that breaks what is relied on,
    `breaking_schema_change`; the type was deleted meanwhile).
    """
    refuse_built_in(event_type)
    with transaction.atomic():
        event_type = _locked(event_type)
        changed = changed_fields(event_type, changes)
        if "schema" in changed or "example" in changed:
            check_shape(changed.get("schema", event_type.schema), changed.get("example", event_type.example))
        if "schema" in changed:
            refuse_breaking_change(event_type, changed["schema"])
        if not changed:
            return event_type
        before = {field: getattr(event_type, field) for field in changed}
        for field, value in changed.items():
            setattr(event_type, field, value)
        event_type.save(update_fields=[*changed, "updated_at"])
        _record(
            event_type,
            actor,
            "event_type.updated",
            {field: [before[field], value] for field, value in changed.items()},
        )
    return event_type


def delete_event_type(event_type: EventType, actor: Actor) -> None:
    """Remove a type that nothing uses. Raises Forbidden (built in), Conflict (emitted once, or subscribed to).

    An emit at the same moment either is first, and the type stays, or finds no type (events/known_types.py).
    """
    refuse_built_in(event_type)
    with transaction.atomic():
        event_type = _locked(event_type)
        if reason := reason_to_keep(event_type):
            raise Conflict(reason, code="event_type_in_use")
        _record(event_type, actor, "event_type.deleted")
        event_type.delete()


def changed_fields(event_type: EventType, given: Mapping[str, object]) -> dict[str, object]:
    """Those of the given fields that can be changed and are not so already."""
    return {
        field: value
        for field, value in given.items()
        if field in _CHANGEABLE and not same_json(getattr(event_type, field), value)
    }


def check_new_name(name: str) -> None:
    """Raises InvalidInput: a name that no type may have, or of a built-in family."""
    try:
        check_event_type_name(name)
    except InvalidPattern as error:
        raise InvalidInput(str(error), details={"name": [str(error)]}) from error
    if is_built_in_family(name):
        sentence = "This family is built in: choose a name that starts with another word."
        raise InvalidInput(sentence, code="built_in_event_type", details={"name": [sentence]})


@dataclass(frozen=True)
class CatalogChanges:
    """How many built-in types a synchronisation wrote."""

    created: int
    updated: int
    deprecated: int


@transaction.atomic
def sync_event_catalog() -> CatalogChanges:
    """Make the database's built-in types those declared in code; one that left the code is deprecated, kept."""
    stored = {event_type.name: event_type for event_type in EventType.objects.filter(app=None)}
    created = updated = deprecated = 0
    for declared in BUILT_IN_TYPES.values():
        facts = {
            "description": declared.description,
            "schema": declared.schema,
            "example": declared.example,
            "deprecated": False,
        }
        event_type = stored.pop(declared.name, None)
        if event_type is None:
            EventType.objects.create(app=None, name=declared.name, **facts)
            created += 1
        elif any(not same_json(getattr(event_type, field), value) for field, value in facts.items()):
            EventType.objects.filter(pk=event_type.pk).update(**facts)
            updated += 1
    for event_type in stored.values():
        if not event_type.deprecated:
            EventType.objects.filter(pk=event_type.pk).update(deprecated=True)
            deprecated += 1
    return CatalogChanges(created, updated, deprecated)


def check_shape(schema: object | None, example: object | None) -> None:
    """Raises InvalidInput: a schema that types may not have (S41b), an example that breaks it or is too large.

    The data of an event is an object, so an example is one, and a schema allows one.
    """
    try:
        if schema is not None:
            check_schema(schema)
    except SchemaRefused as refused:
        raise InvalidInput(str(refused), details={"schema": [str(refused)]}) from refused
    types = schema.get("type", "object") if isinstance(schema, Mapping) else "object"
    if "object" not in ([types] if isinstance(types, str) else types):
        sentence = "The data of an event is an object: have the schema allow one."
        raise InvalidInput(sentence, details={"schema": [sentence]})
    if example is not None and not isinstance(example, Mapping):
        sentence = "The data of an event is an object: give one as the example."
        raise InvalidInput(sentence, details={"example": [sentence]})
    if example is not None:
        check_type_example({} if schema is None else schema, example)


def refuse_built_in(event_type: EventType) -> None:
    """Raises Forbidden for one of the product's own types."""
    if event_type.built_in:
        raise Forbidden("Built-in event types are read-only.", code="built_in_event_type")


def _locked(event_type: EventType) -> EventType:
    """The type as it is now, until the transaction ends. Raises Conflict where it is gone."""
    found = EventType.objects.select_for_update().filter(pk=event_type.pk).first()
    if found is None:
        raise Conflict(f"{event_type.name} was deleted meanwhile.", code="event_type_gone")
    found.app = event_type.app
    return found


def _told_of_new(event_type: EventType) -> dict[str, object]:
    """What was set on a new type, for the audit log; of a large schema or example its size."""
    return audit.facts_of_new(
        {
            "description": event_type.description,
            "schema": _bounded(event_type.schema),
            "example": _bounded(event_type.example),
            "deprecated": event_type.deprecated or None,
        }
    )


def _bounded(value: object) -> object:
    size = len(json.dumps(value))
    return value if size <= _TOLD_AT_MOST else f"{size:,} characters"


def _record(event_type: EventType, actor: Actor, action: str, changes: Mapping[str, object] | None = None) -> None:
    assert event_type.app is not None  # noqa: S101
    audit.record(
        event_type.app,
        actor,
        action,
        target_type="event_type",
        target_id=event_type.name,
        target_name=event_type.name,
        changes=changes,
    )
