"""S46: every action has an entry of the audit log, with its actor, and the two are written together or not at all."""

import ast
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from deliveries.app_deletion import delete_app
from deliveries.delivery_actions import cancel_delivery, retry_delivery
from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import (
    EndpointFields,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    update_endpoint,
)
from deliveries.models import Delivery, Replay, ReplayKind
from deliveries.replays import cancel_replay, start_replay
from deliveries.signed_curl import signed_curl_command
from deliveries.test_send import send_test
from events.documents.importing import import_catalog
from events.event_types import create_event_type, delete_event_type, sync_event_catalog, update_event_type
from events.models import EventType
from tests.factories import ACTOR, URL, make_app, make_delivery, make_endpoint, make_event, make_event_type, make_key
from tests.webhooks.organizations import audited
from webhooks.api_keys import create_api_key, revoke_api_key, rotate_api_key
from webhooks.app_setup import create_app, set_app_weight, update_app
from webhooks.audit import SYSTEM, Actor, ActorType
from webhooks.audit_actions import ACTIONS, action_words
from webhooks.audit_log import AuditFilter, export_audit_log
from webhooks.members import add_member, remove_member, set_member_role
from webhooks.models import ApiKey, App, AuditEntry, DisabledReason, Endpoint, Membership, Role
from webhooks.secrets import reveal_secret, rotate_secret
from webhooks.sign_ins import record_sign_in
from webhooks.support import record_support_view

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("webhooks", "events", "deliveries")
BY = Actor(ActorType.BUILDER, "7", "ada", "192.0.2.7", "test")


@dataclass(frozen=True)
class World:
    """One of each thing that something can be done to, in the test environment where it has one."""

    app: App
    endpoint: Endpoint
    disabled: Endpoint
    failed: Delivery
    pending: Delivery
    replay: Replay
    event_type: EventType
    key: ApiKey
    member: Membership
    newcomer: User
    customer: audited.Customer


@pytest.fixture
def world(db: None) -> World:
    sync_event_catalog()
    app = make_app("Shop").app
    owner, member, newcomer = (User.objects.create_user(name) for name in ("ada", "dev", "eve"))
    add_member(app, owner, Role.OWNER, ACTOR)
    endpoint = make_endpoint(app, environment="test", name="Billing")
    event = make_event(app, environment="test")
    return World(
        app=app,
        endpoint=endpoint,
        disabled=make_endpoint(app, environment="test", name="Off", enabled=False),
        failed=make_delivery(event, endpoint, "failed"),
        pending=make_delivery(make_event(app, environment="test"), endpoint),
        replay=start_replay(app, "test", ReplayKind.FAILED, DeliveryFilter(), ACTOR),
        event_type=make_event_type(app, "order.unused"),
        key=make_key(app, "test")[0],
        member=add_member(app, member, Role.DEVELOPER, ACTOR),
        newcomer=newcomer,
        customer=audited.make_customer(app),
    )


Told = audited.Told


def _create_app(world: World) -> Told:
    app = create_app("Second", actor=BY).app
    return "app", app.public_id, {}


def _delete_app(world: World) -> Told:
    delete_app(world.app, BY)
    return "app", world.app.public_id, {}


def _update_app(world: World) -> Told:
    update_app(world.app, {"name": "Store"}, BY)
    return "app", world.app.public_id, {"name": ["Shop", "Store"]}


def _set_weight(world: World) -> Told:
    set_app_weight(world.app, 3, BY)
    return "app", world.app.public_id, {"weight": [1, 3]}


def _create_key(world: World) -> Told:
    key, _ = create_api_key(world.app, "test", BY)
    return "api_key", key.public_id, {"environment": "test"}


def _rotate_key(world: World) -> Told:
    new, _ = rotate_api_key(world.key, BY, dt.timedelta(0))
    return "api_key", new.public_id, {"environment": "test", "previous": world.key.masked, **_ANY}


def _revoke_key(world: World) -> Told:
    revoke_api_key(world.key, BY)
    return "api_key", world.key.public_id, {"environment": "test"}


def _export(world: World) -> Told:
    export_audit_log(world.app, "test", AuditFilter(actor="system"), "csv", BY)
    return "app", world.app.public_id, {"as": "csv", "actor": "system"}


def _cancel_delivery(world: World) -> Told:
    cancel_delivery(world.pending, BY)
    return "delivery", world.pending.public_id, {"status": ["pending", "canceled"]}


def _sign_curl(world: World) -> Told:
    signed_curl_command(world.failed, BY)
    return "delivery", world.failed.public_id, {"endpoint_id": world.endpoint.public_id}


def _retry_delivery(world: World) -> Told:
    retry_delivery(world.failed, BY)
    return "delivery", world.failed.public_id, {"status": ["failed", "pending"]}


def _create_endpoint(world: World) -> Told:
    created = create_endpoint(world.app, "test", EndpointFields(url=URL, event_types=["*"]), BY)
    return "endpoint", created.endpoint.public_id, {"url": URL, "event_types": [None, ["*"]]}


def _delete_endpoint(world: World) -> Told:
    delete_endpoint(world.endpoint, BY)
    return "endpoint", world.endpoint.public_id, {"url": URL, "canceled": 1}


def _disable_endpoint(world: World) -> Told:
    disable_endpoint(world.endpoint, DisabledReason.GONE, BY)
    return "endpoint", world.endpoint.public_id, {"reason": "gone"}


def _enable_endpoint(world: World) -> Told:
    enable_endpoint(world.disabled, BY, "cancel")
    return "endpoint", world.disabled.public_id, {"held": "cancel", "canceled": 0}


def _reveal_secret(world: World) -> Told:
    reveal_secret(world.endpoint, BY)
    return "endpoint", world.endpoint.public_id, {}


def _rotate_secret(world: World) -> Told:
    rotate_secret(world.endpoint, 60, BY)
    return "endpoint", world.endpoint.public_id, {"overlap": 60}


def _send_test(world: World) -> Told:
    delivery = send_test(world.endpoint, "webhook.test", BY)
    return "endpoint", world.endpoint.public_id, {"event_type": "webhook.test", "delivery_id": delivery.public_id}


def _update_endpoint(world: World) -> Told:
    update_endpoint(world.endpoint, {"name": "Invoices", "headers": {"X-Team": "blue"}}, BY)
    changes = {"name": ["Billing", "Invoices"], "headers": [{}, {"X-Team": "[redacted]"}]}
    return "endpoint", world.endpoint.public_id, changes


def _create_event_type(world: World) -> Told:
    create_event_type(world.app, "order.sent", "", None, None, BY)
    return "event_type", "order.sent", {}


def _delete_event_type(world: World) -> Told:
    delete_event_type(world.event_type, BY)
    return "event_type", "order.unused", {}


def _import_event_types(world: World) -> Told:
    import_catalog(world.app, {"openapi": "3.1.0", "webhooks": {"order.sent": {"post": {}}}}, BY)
    return "app", world.app.public_id, {"created": 1}


def _update_event_type(world: World) -> Told:
    update_event_type(world.event_type, {"deprecated": True}, BY)
    return "event_type", "order.unused", {"deprecated": [False, True]}


def _add_member(world: World) -> Told:
    add_member(world.app, world.newcomer, Role.VIEWER, BY)
    return "user", str(world.newcomer.pk), {"role": [None, "viewer"]}


def _remove_member(world: World) -> Told:
    remove_member(world.member, BY)
    return "user", str(world.member.user.pk), {"role": ["developer", None]}


def _set_role(world: World) -> Told:
    set_member_role(world.member, Role.OWNER, BY)
    return "user", str(world.member.user.pk), {"role": ["developer", "owner"]}


def _sign_in(world: World) -> Told:
    record_sign_in(world.member.user, BY)
    return "user", str(world.member.user.pk), {}


def _cancel_replay(world: World) -> Told:
    cancel_replay(world.replay, BY)
    return "replay", world.replay.public_id, {"progress": 0, "count": 1}


def _start_replay(world: World) -> Told:
    filters = DeliveryFilter(endpoint_id=world.endpoint.pk)
    replay = start_replay(world.app, "test", ReplayKind.MISSING, filters, BY)
    return "replay", replay.public_id, {"kind": "missing", "count": 0, **_ANY}


def _look_as_support(world: World) -> Told:
    record_support_view(world.app, BY)
    return "app", world.app.public_id, {}


# More facts than are named, which are moments or ids.
_ANY: dict[str, Any] = {"…": ...}
# What is of one environment has its entry there; what both share has it in live.
SHARED = {"app", "event_type", "member", "organization", "support"}
# What is done by itself, and what comes with another action of its own.
BY_THE_SYSTEM = {"organization.invitation.expired"}
WITH = {
    "event_type.imported": ["event_type.created"],
    "organization.invitation.accepted": ["organization.member.added"],
}
DO: dict[str, Callable[[World], Told]] = {
    "app.created": _create_app,
    "app.deleted": _delete_app,
    "app.updated": _update_app,
    "app.weight.changed": _set_weight,
    "api_key.created": _create_key,
    "api_key.rotated": _rotate_key,
    "api_key.revoked": _revoke_key,
    "audit.exported": _export,
    "delivery.canceled": _cancel_delivery,
    "delivery.curl.signed": _sign_curl,
    "delivery.retried": _retry_delivery,
    "endpoint.created": _create_endpoint,
    "endpoint.deleted": _delete_endpoint,
    "endpoint.disabled": _disable_endpoint,
    "endpoint.enabled": _enable_endpoint,
    "endpoint.secret.revealed": _reveal_secret,
    "endpoint.secret.rotated": _rotate_secret,
    "endpoint.tested": _send_test,
    "endpoint.updated": _update_endpoint,
    "event_type.created": _create_event_type,
    "event_type.deleted": _delete_event_type,
    "event_type.imported": _import_event_types,
    "event_type.updated": _update_event_type,
    "member.added": _add_member,
    "member.removed": _remove_member,
    "member.role.changed": _set_role,
    "member.signed_in": _sign_in,
    "replay.canceled": _cancel_replay,
    "replay.started": _start_replay,
    "support.viewed": _look_as_support,
}


def _to_customer(do: Callable[[audited.Customer, Actor], Told]) -> Callable[[World], Told]:
    return lambda world: do(world.customer, BY)


DO |= {action: _to_customer(do) for action, do in audited.DO.items()}


# What changes nothing and needs a receiver: tests/deliveries/test_receiver_check.py.
DONE_ELSEWHERE = {"endpoint.checked"}


@pytest.mark.parametrize("action", DO)
def test_s46_each_action_has_one_entry_with_its_actor(action: str, world: World) -> None:
    before = set(AuditEntry.objects.values_list("pk", flat=True))

    target_type, target_id, changes = DO[action](world)

    *others, entry = AuditEntry.objects.exclude(pk__in=before).order_by("pk")
    assert [other.action for other in others] == WITH.get(action, [])
    assert (entry.action, entry.target_type, entry.target_id) == (action, target_type, target_id)
    by = SYSTEM if action in BY_THE_SYSTEM else BY
    assert (entry.actor_type, entry.actor_id, entry.actor_name, entry.ip) == (by.type, by.id, by.name, by.ip)
    assert entry.environment == ("live" if action.partition(".")[0] in SHARED else "test")
    if "…" in changes:
        assert entry.changes.items() >= {name: fact for name, fact in changes.items() if name != "…"}.items()
    else:
        assert entry.changes == changes


class CannotWrite(Exception):
    """The audit log is not to be written to."""


@pytest.mark.parametrize("action", DO)
def test_s46_an_action_whose_entry_cannot_be_written_changes_nothing(
    action: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CannotWrite

    before = _all_rows()
    monkeypatch.setattr(AuditEntry, "save", refuse)

    with pytest.raises(CannotWrite):
        DO[action](world)

    assert _all_rows() == before


def _all_rows() -> dict[str, list[Any]]:
    models = [model for room in ROOMS for model in apps.get_app_config(room).get_models()]
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


def test_s46_every_action_that_the_code_records_is_known_and_done_above() -> None:
    assert {*DO, *DONE_ELSEWHERE} == set(ACTIONS) == set(_recorded_in_code())


def _recorded_in_code() -> Iterator[str]:
    """The names of actions in calls of what writes entries."""
    writers = {"record", "record_of_endpoint", "record_of_delivery", "_record"}
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in writers:
                texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
                yield from (text for text in texts if isinstance(text, str) and "." in text)


def test_an_action_that_the_code_no_longer_knows_has_words_too() -> None:
    assert (action_words("endpoint.tested"), action_words("old_thing.was_done")) == (
        "Test event sent", "Old thing was done"
    )  # fmt: skip
