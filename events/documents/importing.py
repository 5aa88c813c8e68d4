"""Taking an OpenAPI document's webhooks into an app's catalog: looked at first, then all or none."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from django.db import transaction

from events.documents.reading import DocumentedType, Read, document_refused, read_document
from events.event_type_use import refuse_breaking_change
from events.event_types import changed_fields, check_new_name, check_shape, create_event_type, update_event_type
from events.models import EventType
from switera_webhooks.refusals import Conflict, Refusal
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import App

_REFUSALS_TOLD = 10
# Of all schemas that are to be checked: 32 KiB take up to 150 ms, ordinary ones 5 ms.
MAX_SCHEMAS_BYTES = 4 * 1024 * 1024


class Outcome(StrEnum):
    """What importing makes of one type of a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    BUILT_IN = "built_in"  # every app has it: passed over
    REFUSED = "refused"


@dataclass(frozen=True)
class PlannedType:
    """One type of a document. `fields` are those that would change, `refusal` why it cannot be taken."""

    name: str
    outcome: Outcome
    documented: DocumentedType | None = None
    existing: EventType | None = None
    fields: tuple[str, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do, type by type in the document's order."""

    types: tuple[PlannedType, ...]

    def named(self, outcome: Outcome) -> list[str]:
        """The names of the types with this outcome."""
        return [each.name for each in self.types if each.outcome == outcome]

    @property
    def names(self) -> dict[str, list[str]]:
        """The names of the types that can be taken, by outcome."""
        return {outcome.value: self.named(outcome) for outcome in Outcome if outcome != Outcome.REFUSED}

    @property
    def refusal(self) -> Refusal | None:
        """One refusal for all: the first one's kind, code and sentence, details by type for the first ten."""
        refused = {each.name: each.refusal for each in self.types if each.refusal is not None}
        if not refused:
            return None
        name, first = next(iter(refused.items()))
        told = list(refused.items())[:_REFUSALS_TOLD]
        details = {name[:200]: {"code": each.code, "message": each.message, **each.details} for name, each in told}
        return first.__class__(f"{name[:200]}: {first.message}", code=first.code, details={"event_types": details})

    @property
    def fingerprint(self) -> str:
        """The same for as long as importing would do the same: what a person saw is what is done."""
        facts = [
            (each.name, each.outcome, each.fields, each.documented and asdict(each.documented)) for each in self.types
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def plan_import(app: App, document: object) -> ImportPlan:
    """What importing would do now; nothing is changed. Raises InvalidInput where it is no document of OpenAPI 3.1."""
    webhooks = read_document(document)
    return _planned(app, webhooks, _existing(app, webhooks))


def import_catalog(app: App, document: object, actor: Actor, *, fingerprint: str | None = None) -> ImportPlan:
    """Create and change the app's own types as the document has them, all or none; others stay as they are.

    Raises InvalidInput (no such document, a type that cannot be), Conflict (a schema that breaks what is relied on;
    `catalog_changed` where it is not any more as it was planned with this fingerprint); details name each type.
    """
    webhooks = read_document(document)
    with transaction.atomic():
        plan = _planned(app, webhooks, _existing(app, webhooks, locked=True))
        if plan.refusal is not None:
            raise plan.refusal
        if fingerprint is not None and plan.fingerprint != fingerprint:
            raise Conflict("The catalog has changed since: look again at what would be done.", code="catalog_changed")
        for each in plan.types:
            _take(app, each, actor)
        counts = Counter(each.outcome.value for each in plan.types)
        if counts[Outcome.CREATED] or counts[Outcome.CHANGED]:
            audit.record(
                app,
                actor,
                "event_type.imported",
                target_type="app",
                target_id=app.public_id,
                target_name=app.name,
                changes=dict(counts),
            )
    return plan


def _existing(app: App, webhooks: Mapping[str, Read], *, locked: bool = False) -> dict[str, EventType]:
    names = [name for name in webhooks if "\0" not in name]
    types = EventType.objects.filter(app=app, name__in=names).order_by("pk")
    if locked:
        types = types.select_for_update()
    found = {each.name: each for each in types}
    for each in found.values():
        each.app = app
    return found


def _planned(app: App, webhooks: Mapping[str, Read], existing: Mapping[str, EventType]) -> ImportPlan:
    built_in = set(EventType.objects.filter(app=None).values_list("name", flat=True))
    types: list[PlannedType] = []
    size = 0
    for name, read in webhooks.items():
        if name in built_in:
            types.append(PlannedType(name, Outcome.BUILT_IN))
            continue
        if size > MAX_SCHEMAS_BYTES:
            raise document_refused("The document's schemas are over 4 MiB in all: import it in parts.")
        try:
            check_new_name(name)
            documented = read()
            size += len(json.dumps(documented.schema))
            types.append(_planned_type(documented, existing.get(name)))
        except Refusal as refusal:
            types.append(PlannedType(name, Outcome.REFUSED, refusal=refusal))
    return ImportPlan(tuple(types))


def _planned_type(documented: DocumentedType, existing: EventType | None) -> PlannedType:
    """Raises InvalidInput, Conflict."""
    if existing is None:
        check_shape(documented.schema, documented.example)
        return PlannedType(documented.name, Outcome.CREATED, documented)
    changed = changed_fields(existing, _facts(documented))
    if "schema" in changed or "example" in changed:
        check_shape(documented.schema, documented.example)
    if "schema" in changed:
        refuse_breaking_change(existing, documented.schema)
    outcome = Outcome.CHANGED if changed else Outcome.UNCHANGED
    return PlannedType(documented.name, outcome, documented, existing, tuple(changed))


def _facts(documented: DocumentedType) -> dict[str, object]:
    return {name: value for name, value in asdict(documented).items() if name != "name"}


def _take(app: App, planned: PlannedType, actor: Actor) -> None:
    if planned.documented is None:
        return
    if planned.existing is not None:
        update_event_type(planned.existing, _facts(planned.documented), actor)
        return
    create_event_type(app, planned.name, actor=actor, **_facts(planned.documented))  # type: ignore[arg-type]
