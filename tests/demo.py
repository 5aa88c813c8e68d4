"""A lived-in app: endpoints in every health, a day of deliveries with every outcome. To look at, and for tests.

Apps, types and endpoints are made by the product's own functions; history is written as rows, back in time.
"""

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from deliveries.endpoints import EndpointFields, create_endpoint, disable_endpoint
from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus, Lane, Turn
from events.event_types import create_event_type, sync_event_catalog
from events.models import Event, EventType
from events.payload import Envelope, build_payload
from switera_webhooks.environments import Environment
from switera_webhooks.ids import first_id_at
from tests.factories import ACTOR
from webhooks.app_setup import create_app
from webhooks.members import add_member
from webhooks.models import (
    App,
    DisabledReason,
    Endpoint,
    Invitation,
    InvitationState,
    MemberSource,
    Organization,
    OrganizationDomain,
    OrganizationMember,
    OrganizationState,
    Role,
)

PASSWORD = "correct horse battery staple"
_MINUTE = dt.timedelta(minutes=1)
_HOUR = dt.timedelta(hours=1)
_DATA: dict[str, dict[str, object]] = {
    "order.paid": {
        "order_id": "ord_1042",
        "total": 129900,
        "currency": "EUR",
        "items": [{"sku": "LAMP-2", "count": 1}],
    },
    "order.refunded": {"order_id": "ord_1042", "amount": 2500},
    "invoice.created": {"invoice_id": "inv_1042", "total": 129900},
    "customer.updated": {"customer_id": "cus_77", "changed": ["email"]},
    "shipment.sent": {"shipment_id": "shp_9", "carrier": "DHL"},
}
_DESCRIPTIONS = {
    "order.paid": "An order was paid in full.",
    "order.refunded": "Part of an order, or all of it, was paid back.",
    "invoice.created": "An invoice was written.",
    "customer.updated": "A customer's data changed.",
    "shipment.sent": "A parcel was handed to the carrier.",
}
_ORDER_SCHEMA = {
    "type": "object",
    "required": ["order_id", "total"],
    "properties": {
        "order_id": {"type": "string", "description": "Of your own system."},
        "total": {"type": "integer", "description": "In cents.", "minimum": 0},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "items": {"type": "array", "items": {"type": "object"}},
    },
}
# For the ids of attempts, which tell their moments.
_CHANCE = random.Random(7)
# What a receiver answered: status, headers, body.
_OK = (200, [["content-type", "application/json"], ["server", "nginx"]], '{"received": true}')
_REFUSED = (401, [["content-type", "application/json"]], '{"error": "signature mismatch"}')


@dataclass
class Demo:
    """What there is, by name; `deliveries` holds one of each outcome."""

    owner: User
    developer: User
    viewer: User
    app: App
    other_app: App
    foreign_app: App
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, str]:
        """The public ids of endpoints and organizations by name, of deliveries by outcome."""
        named: dict[str, Endpoint | Delivery | Organization] = {
            **self.endpoints,
            **self.deliveries,
            **self.organizations,
        }
        return {name: row.public_id for name, row in named.items()}

    @property
    def path(self) -> str:
        """The live Overview of the app."""
        return f"/apps/{self.app.slug}/webhooks/"

    @property
    def test_path(self) -> str:
        return f"/apps/{self.app.slug}/test/webhooks/"


def build_demo(*, hours: int = 24, per_hour: int = 4) -> Demo:
    """The demo with so many hours of history, `per_hour` deliveries an hour to each working endpoint."""
    sync_event_catalog()
    owner, developer, viewer = (
        User.objects.create_user(name, f"{name}@northwind.example", PASSWORD) for name in ("ada", "dev", "vic")
    )
    app = create_app("Northwind Orders", owner=owner, actor=ACTOR).app
    other = create_app("Northwind Returns", owner=owner, actor=ACTOR).app
    foreign = create_app("Contoso", actor=ACTOR).app
    add_member(app, developer, Role.DEVELOPER, ACTOR)
    add_member(app, viewer, Role.VIEWER, ACTOR)
    demo = Demo(owner, developer, viewer, app, other, foreign)
    _add_organizations(demo)
    for name, description in _DESCRIPTIONS.items():
        schema = _ORDER_SCHEMA if name == "order.paid" else None
        create_event_type(app, name, description, schema, _DATA[name], ACTOR)
    _add_endpoints(demo)
    _add_history(demo, hours, per_hour)
    _add_one_of_each(demo)
    demo.endpoints["Sandbox ERP"] = disable_endpoint(demo.endpoints["Sandbox ERP"], DisabledReason.MANUAL, ACTOR)
    return demo


def _add_organizations(demo: Demo) -> None:
    """Acme has everything, the others little. Written as rows: nothing is told of it."""
    now = timezone.now()
    for app, name, state in (
        (demo.app, "Acme", OrganizationState.ACTIVE),
        (demo.app, "Globex", OrganizationState.SUSPENDED),
        (demo.app, "Initech", OrganizationState.ACTIVE),
        (demo.foreign_app, "Hooli", OrganizationState.ACTIVE),
    ):
        demo.organizations[name] = Organization.objects.create(app=app, name=name, slug=name.lower(), state=state)
    acme, globex = demo.organizations["Acme"], demo.organizations["Globex"]
    for organization, user_id, email, role, source in (
        (acme, "usr_77", "grace@acme.example", "owner", MemberSource.API),
        (acme, "usr_78", "linus@acme.example", "admin", MemberSource.INVITATION),
        (acme, "usr_82", "margaret@acme.example", "member", MemberSource.DOMAIN),
        (globex, "usr_90", "hank@globex.example", "owner", MemberSource.PAGE),
    ):
        OrganizationMember.objects.create(
            organization=organization, user_id=user_id, email=email, role=role, source=source
        )
    for invited, ending, ended_at in (
        ("linus", InvitationState.ACCEPTED, now - 3 * _HOUR),
        ("wrong.address", InvitationState.REVOKED, now - 2 * _HOUR),
        ("on.holiday", InvitationState.EXPIRED, now - _HOUR),
        ("barbara", InvitationState.PENDING, None),
    ):
        Invitation.objects.create(
            organization=acme,
            email=f"{invited}@acme.example",
            role="member",
            state=ending,
            ended_at=ended_at,
            expires_at=ended_at or now + 150 * _HOUR,
        )
    OrganizationDomain.objects.create(
        app=demo.app, organization=acme, domain="acme.example", auto_join=True, method="dns_txt", verified_at=now
    )
    OrganizationDomain.objects.create(app=demo.app, organization=acme, domain="acme.test")


def _add_endpoints(demo: Demo) -> None:
    def add(
        name: str,
        host: str,
        types: list[str],
        environment: str = Environment.LIVE,
        app: App | None = None,
        organization: Organization | None = None,
    ) -> None:
        url = f"https://{host}/hooks/switera"
        given = EndpointFields(url=url, event_types=types, name=name, organization=organization)
        demo.endpoints[name] = create_endpoint(app or demo.app, environment, given, ACTOR).endpoint

    add("Billing", "billing.northwind.example", ["invoice.*", "order.paid"])
    add("Warehouse", "wms.northwind.example", ["order.*", "shipment.sent"])
    add("CRM sync", "hooks.crm.example", ["*"])
    add("Old portal", "portal.northwind.example", ["invoice.created"])
    add("Sandbox ERP", "erp.northwind.example", ["order.paid"])
    add("Analytics", "in.analytics.example", ["customer.updated"], organization=demo.organizations["Acme"])
    add("Brand new", "new.northwind.example", ["order.paid"])
    add("Staging", "staging.northwind.example", ["*"], Environment.TEST)
    add("Foreign", "hooks.contoso.example", ["*"], app=demo.foreign_app)


def _add_history(demo: Demo, hours: int, per_hour: int) -> None:
    """Mostly well; Billing refused for a while, a retry mended some time-outs, Old portal has no certificate."""
    chance = random.Random(5)
    now = timezone.now()
    events: list[Event] = []
    deliveries: list[Delivery] = []
    attempts: list[Attempt] = []
    for name, types in (
        ("Billing", ["invoice.created"]),
        ("Warehouse", ["order.paid", "shipment.sent"]),
        ("CRM sync", ["order.paid", "customer.updated", "order.refunded"]),
        ("Old portal", ["invoice.created"]),
    ):
        endpoint = demo.endpoints[name]
        for number in range(hours * per_hour):
            at = now - dt.timedelta(hours=hours) * (number + chance.random()) / (hours * per_hour)
            fails = name == "Old portal" or (name == "Billing" and now - 5 * _HOUR < at < now - 2 * _HOUR)
            slow = not fails and chance.random() < 0.04
            type = chance.choice(types)
            organization = demo.organizations["Acme"] if type == "customer.updated" else None
            event = _event(endpoint, type, at, chance, organization=organization)
            delivery = _delivery(event, endpoint, DeliveryStatus.FAILED if fails else DeliveryStatus.SUCCEEDED, chance)
            if name == "Old portal":
                tries = [_failed(delivery, 1, at, ErrorCode.TLS_EXPIRED, 31)]
            elif fails:
                tries = [_refused(delivery, each, at + 7 * _MINUTE * (each - 1)) for each in (1, 2, 3)]
            elif slow:
                tries = [
                    _failed(delivery, 1, at, ErrorCode.TIMEOUT, 15_000),
                    _succeeded(delivery, 2, at + _MINUTE / 12, chance.randint(60, 400)),
                ]
            else:
                tries = [_succeeded(delivery, 1, at, int(chance.lognormvariate(4.4, 0.4)))]
            _sum_up(delivery, tries)
            events.append(event)
            deliveries.append(delivery)
            attempts += tries
    Event.objects.bulk_create(events)
    Delivery.objects.bulk_create(deliveries)
    Attempt.objects.bulk_create(attempts)
    EventType.objects.filter(app=demo.app).update(first_emitted_at=now - dt.timedelta(hours=hours))
    lanes = {name: Lane.objects.filter(pk=endpoint.pk) for name, endpoint in demo.endpoints.items()}
    for name in ("Billing", "Warehouse", "CRM sync"):
        lanes[name].update(last_success_at=now - _MINUTE, usual_ms=84)
    lanes["Billing"].update(last_exhausted_at=now - 2 * _HOUR)
    lanes["Old portal"].update(last_exhausted_at=now - _MINUTE, failing_since=now - 20 * _HOUR, failures_in_a_row=40)
    lanes["Analytics"].update(last_test_success_at=now - _HOUR)


def _add_one_of_each(demo: Demo) -> None:
    """The newest deliveries: one of each outcome, and one of another app and of the test environment."""
    chance = random.Random(6)
    now = timezone.now()

    def add(outcome: str, endpoint: str, type: str, status: str, age: dt.timedelta, **columns: Any) -> Delivery:
        to = demo.endpoints[endpoint]
        test = bool(columns.get("test"))
        event = _event(to, type, now - age, chance, test=test, organization=to.organization)
        delivery = _delivery(event, to, status, chance)
        for name, value in columns.items():
            setattr(delivery, name, value)
        event.save(force_insert=True)
        delivery.save(force_insert=True)
        demo.deliveries[outcome] = delivery
        return delivery

    def try_(delivery: Delivery, *tries: Attempt) -> None:
        _sum_up(delivery, tries)
        delivery.save()
        Attempt.objects.bulk_create(tries)

    succeeded = add("succeeded", "Warehouse", "order.paid", DeliveryStatus.SUCCEEDED, _MINUTE)
    try_(succeeded, _succeeded(succeeded, 1, now - _MINUTE, 62))
    retrying = add(
        "retrying", "Billing", "invoice.created", DeliveryStatus.PENDING, 35 * _MINUTE,
        due_at=now + 4 * _MINUTE, turn=Turn.RETRY, schedule_position=3,
    )  # fmt: skip
    try_(
        retrying,
        _refused(retrying, 1, now - 35 * _MINUTE),
        _refused(retrying, 2, now - 34 * _MINUTE),
        _refused(retrying, 3, now - _MINUTE),
    )
    failed = add("failed", "Old portal", "invoice.created", DeliveryStatus.FAILED, 2 * _MINUTE)
    try_(failed, *(_failed(failed, number, now - 2 * _MINUTE, ErrorCode.TLS_EXPIRED, 31) for number in (1, 2)))
    add("pending", "CRM sync", "customer.updated", DeliveryStatus.PENDING, _MINUTE / 30, due_at=now + _MINUTE)
    sending = {"lease": uuid.uuid4(), "leased_until": now + _MINUTE}
    add("sending", "CRM sync", "order.paid", DeliveryStatus.SENDING, _MINUTE / 60, **sending)
    add("held", "Sandbox ERP", "order.paid", DeliveryStatus.PENDING, 3 * _MINUTE, due_at=now)
    add("canceled", "Warehouse", "order.refunded", DeliveryStatus.CANCELED, 4 * _MINUTE)
    tested = add("test send", "Analytics", "customer.updated", DeliveryStatus.SUCCEEDED, _HOUR, test=True)
    try_(tested, _succeeded(tested, 1, now - _HOUR, 140))
    staged = add("test environment", "Staging", "order.paid", DeliveryStatus.SUCCEEDED, _HOUR)
    try_(staged, _succeeded(staged, 1, now - _HOUR, 55))
    foreign = add("foreign", "Foreign", "order.paid", DeliveryStatus.SUCCEEDED, _MINUTE)
    try_(foreign, _succeeded(foreign, 1, now - _MINUTE, 70))


def id_at(moment: dt.datetime, chance: random.Random) -> uuid.UUID:
    """A UUIDv7 as one made at that moment."""
    number = first_id_at(moment).int | (7 << 76) | (2 << 62) | (chance.getrandbits(12) << 64) | chance.getrandbits(62)
    return uuid.UUID(int=number)


def _event(
    endpoint: Endpoint,
    type: str,
    at: dt.datetime,
    chance: random.Random,
    *,
    test: bool = False,
    organization: Organization | None = None,
) -> Event:
    key = id_at(at, chance)
    organization_id = None if organization is None else organization.pk
    envelope = Envelope(key, type, at, endpoint.app, endpoint.environment, organization_id, test=test)
    return Event(
        id=key,
        app=endpoint.app,
        environment=endpoint.environment,
        type=type,
        organization=organization,
        payload=build_payload(envelope, _DATA[type]),
        occurred_at=at,
        test=test,
        created_at=at,
        dispatched_at=at,
    )


def _delivery(event: Event, endpoint: Endpoint, status: str, chance: random.Random) -> Delivery:
    return Delivery(
        id=id_at(event.created_at, chance),
        event=event,
        endpoint=endpoint,
        app=endpoint.app,
        environment=endpoint.environment,
        event_type=event.type,
        test=event.test,
        status=status,
        created_at=event.created_at,
    )


def _attempt(delivery: Delivery, number: int, at: dt.datetime, **columns: Any) -> Attempt:
    return Attempt(id=id_at(at, _CHANCE), delivery=delivery, number=number, started_at=at, **columns)


def _succeeded(delivery: Delivery, number: int, at: dt.datetime, duration_ms: int) -> Attempt:
    status, headers, body = _OK
    return _attempt(
        delivery, number, at, status=AttemptStatus.SUCCEEDED, duration_ms=duration_ms,
        response_status=status, response_headers=headers, response_body=body,
    )  # fmt: skip


def _refused(delivery: Delivery, number: int, at: dt.datetime) -> Attempt:
    status, headers, body = _REFUSED
    return _attempt(
        delivery, number, at, status=AttemptStatus.FAILED, duration_ms=48,
        response_status=status, response_headers=headers, response_body=body,
        error_code=ErrorCode.HTTP_STATUS.value, error="The receiver answered 401.",
    )  # fmt: skip


def _failed(delivery: Delivery, number: int, at: dt.datetime, code: ErrorCode, duration_ms: int) -> Attempt:
    return _attempt(
        delivery, number, at, status=AttemptStatus.FAILED, duration_ms=duration_ms,
        error_code=code.value, error=code.sentence,
    )  # fmt: skip


def _sum_up(delivery: Delivery, attempts: Sequence[Attempt]) -> None:
    """What the delivery keeps of its attempts."""
    last = attempts[-1]
    delivery.attempt_count = len(attempts)
    delivery.last_attempt_at = last.started_at
    delivery.response_status = last.response_status
    delivery.error_code, delivery.error = last.error_code, last.error
