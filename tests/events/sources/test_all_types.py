"""All built-in types in one table: what makes each of them happen. Each is emitted once, and fits its schema.

A type that is not in ACTIONS comes by the platform key here; PLATFORM_KEY_ONLY are those for which there is no
other way. To add a row: a function of one line or two that does what really happens.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from deliveries.app_deletion import delete_app
from deliveries.endpoints import delete_endpoint, disable_endpoint, update_endpoint
from deliveries.engine.recording import record
from deliveries.engine.results import result_of
from deliveries.engine.statements import statements
from deliveries.error_codes import ErrorCode
from deliveries.models import Delivery
from deliveries.test_send import send_test
from deliveries.transport.sender import Outcome
from events.catalog.built_in import BUILT_IN_TYPES
from events.catalog.schemas import check_data
from events.event_types import sync_event_catalog
from events.models import Event
from tests.deliveries.engine.rows import make_due
from tests.demo import PASSWORD
from tests.events.sources.mail_services import ADA, mailjet, post, postmark
from tests.factories import ACTOR, make_app, make_endpoint, make_event, make_key, make_organization
from tests.organizations import make_domain, make_invitation, make_member, run_out
from webhooks.api_keys import create_api_key, revoke_api_key, rotate_api_key
from webhooks.app_setup import update_app
from webhooks.models import App, DisabledReason, Invitation, OrganizationDomain, OrganizationMember
from webhooks.organizations.domains import remove_domain, verify_domain
from webhooks.organizations.invitations import accept_invitation, revoke_invitation
from webhooks.organizations.members import remove_organization_member, update_organization_member
from webhooks.organizations.organization import create_organization, delete_organization, update_organization
from webhooks.platform_keys import new_platform_key
from webhooks.tasks import expire_invitations


@dataclass(frozen=True)
class World:
    """What there is before anything happens; getting there emitted nothing."""

    app: App
    user: User
    platform_key: str

    @property
    def marks(self) -> dict[str, str]:
        """The metadata of a mail of the app."""
        return {
            "switera_app": self.app.public_id,
            "switera_environment": "live",
            "switera_email_id": "eml_1",
        }


Action = Callable[[World], object]
ACTIONS: dict[str, Action] = {}


def happens(event_type: str) -> Callable[[Action], Action]:
    """Says of an action that it makes this type happen."""

    def add(action: Action) -> Action:
        ACTIONS[event_type] = action
        return action

    return add


# organization.: an app's customers, their members, invitations and domains ------------------------

ACTIONS |= {
    "organization.created": lambda w: create_organization(w.app, "Globex", actor=ACTOR),
    "organization.updated": lambda w: update_organization(make_organization(w.app), {"name": "Globex"}, ACTOR),
    "organization.deleted": lambda w: delete_organization(make_organization(w.app), ACTOR),
    "organization.member.added": lambda w: _member(w),
    "organization.member.updated": lambda w: update_organization_member(_member(w), {"role": "admin"}, ACTOR),
    "organization.member.removed": lambda w: remove_organization_member(_member(w), ACTOR, "left"),
    "organization.invitation.created": lambda w: _invitation(w),
    "organization.invitation.accepted": lambda w: accept_invitation(_invitation(w), "usr_1", ACTOR),
    "organization.invitation.revoked": lambda w: revoke_invitation(_invitation(w), ACTOR),
    "organization.domain.verified": lambda w: verify_domain(_domain(w), "dns_txt", ACTOR),
    "organization.domain.removed": lambda w: remove_domain(_domain(w), ACTOR),
}


@happens("organization.invitation.expired")
def _let_run_out(world: World) -> None:
    run_out(_invitation(world))
    expire_invitations()


def _member(world: World) -> OrganizationMember:
    return make_member(make_organization(world.app))


def _invitation(world: World) -> Invitation:
    return make_invitation(make_organization(world.app))


def _domain(world: World) -> OrganizationDomain:
    return make_domain(make_organization(world.app))


# auth.: this project's own users -------------------------------------------------------------------

ACTIONS |= {
    "auth.user.created": lambda w: User.objects.create_user("bo", "bo@globex.example", PASSWORD),
    "auth.user.updated": lambda w: _save(w, first_name="Augusta"),
    "auth.user.deleted": lambda w: w.user.delete(),
    "auth.user.suspended": lambda w: _save(w, is_active=False),
    "auth.session.created": lambda w: _sign_in(),
    "auth.session.revoked": lambda w: _sign_in().post("/accounts/logout/"),
    "auth.sign_in.failed": lambda w: _sign_in("wrong"),
}


@happens("auth.user.restored")
def _restore(world: World) -> None:
    User.objects.filter(pk=world.user.pk).update(is_active=False)
    _save(world, is_active=True)


@happens("auth.password.changed")
def _change_password(world: World) -> None:
    world.user.set_password("another-Password-9")
    world.user.save()


def _save(world: World, **values: object) -> None:
    for name, value in values.items():
        setattr(world.user, name, value)
    world.user.save()


def _sign_in(password: str = PASSWORD) -> Client:
    client = Client()
    client.post("/accounts/login/", {"username": "ada", "password": password})
    return client


# email.: the mail backend, and what mail services say ----------------------------------------------

ACTIONS |= {
    "email.sent": lambda w: _send(w),
    "email.delivered": lambda w: post("postmark", postmark("Delivery", w.marks, Details="smtp;250 OK")),
    "email.delayed": lambda w: post("postmark", postmark("Bounce", w.marks, ID=1, Type="Transient")),
    "email.bounced": lambda w: post("postmark", postmark("Bounce", w.marks, ID=1, Type="HardBounce")),
    "email.complained": lambda w: post("postmark", postmark("SpamComplaint", w.marks, ID=1, Type="SpamComplaint")),
    "email.suppressed": lambda w: post("mailjet", [mailjet("blocked", w.marks, error="spam reporter")]),
}


@happens("email.failed")
def _fail_to_send(world: World) -> None:
    with pytest.raises(OSError, match="550"):
        _send(world, to="no@globex.example")


def _send(world: World, to: str = ADA) -> None:
    headers = {"X-Switera-App": world.app.public_id, "X-Switera-Environment": "live"}
    EmailMessage("Hello", "Body", None, [to], headers=headers).send()


# app.: the app and its keys ------------------------------------------------------------------------

ACTIONS |= {
    "app.updated": lambda w: update_app(w.app, {"name": "Shoes"}, ACTOR),
    "app.deleted": lambda w: delete_app(w.app, ACTOR),
    "app.api_key.created": lambda w: create_api_key(w.app, "live", ACTOR),
    "app.api_key.rotated": lambda w: rotate_api_key(make_key(w.app)[0], ACTOR),
    "app.api_key.revoked": lambda w: revoke_api_key(make_key(w.app)[0], ACTOR),
}


# webhook.: endpoints and deliveries ----------------------------------------------------------------

ACTIONS |= {
    "webhook.endpoint.created": lambda w: make_endpoint(w.app),
    "webhook.endpoint.updated": lambda w: update_endpoint(make_endpoint(w.app), {"name": "Orders"}, ACTOR),
    "webhook.endpoint.disabled": lambda w: disable_endpoint(make_endpoint(w.app), DisabledReason.MANUAL, ACTOR),
    "webhook.endpoint.deleted": lambda w: delete_endpoint(make_endpoint(w.app), ACTOR),
    "webhook.delivery.failed": lambda w: _deliver(w, answers=[None] * 10),
    "webhook.delivery.recovered": lambda w: _deliver(w, answers=[None, 204]),
    "webhook.test": lambda w: send_test(make_endpoint(w.app), "webhook.test", ACTOR),
}


def _deliver(world: World, answers: Sequence[int | None]) -> None:
    """An event's delivery that meets these answers, None for a connection that is refused, as long as it is tried."""
    make_endpoint(world.app)
    make_event(world.app)
    statements().fan_out(10)
    for status in answers:
        make_due(Delivery.objects.all())
        [claim] = statements().claim(1, 25)
        code = None if status else ErrorCode.CONNECTION_REFUSED
        error = "" if status else "Nobody listens."
        record([result_of(claim, Outcome(claim, timezone.now(), 5, status, (), "", False, code, error))])
    assert not statements().claim(1, 25)


# The platform key ----------------------------------------------------------------------------------

# Django knows nothing of these, and no mail service tells of a domain.
PLATFORM_KEY_ONLY = {
    "auth.user.email_verified",
    "auth.mfa.enabled",
    "auth.mfa.disabled",
    "auth.directory_sync.completed",
    "email.domain.verified",
}


def by_platform_key(event_type: str) -> Action:
    def action(world: World) -> None:
        body = {
            "app_id": world.app.public_id,
            "environment": "live",
            "type": event_type,
            "data": BUILT_IN_TYPES[event_type].example,
        }
        answer = Client().post(
            "/api/v1/platform/events",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {world.platform_key}"},
        )
        assert answer.status_code == 202

    return action


# The test ------------------------------------------------------------------------------------------


@pytest.fixture
def world(db: None, settings: Settings) -> World:
    sync_event_catalog()
    app = make_app().app
    user = User.objects.create_user("ada", ADA, PASSWORD)
    key, key_hash = new_platform_key()
    settings.WEBHOOKS_AUTH_APP = app.slug
    settings.WEBHOOKS_PLATFORM_KEY_HASHES = (bytes.fromhex(key_hash),)
    settings.EMAIL_BACKEND = "events.sources.email.EventEmailBackend"
    settings.EVENT_EMAIL_INNER_BACKEND = "tests.events.sources.backends.Choosy"
    return World(app, user, key)


@pytest.mark.parametrize("event_type", BUILT_IN_TYPES)
def test_what_happens_is_emitted_once_and_fits_its_schema(world: World, event_type: str) -> None:
    ACTIONS.get(event_type, by_platform_key(event_type))(world)

    event = Event.objects.get(type=event_type, environment="live")
    assert event.app == world.app
    check_data(BUILT_IN_TYPES[event_type].schema, event.data)


@pytest.mark.parametrize("event_type", BUILT_IN_TYPES)
def test_every_type_may_come_by_the_platform_key(world: World, event_type: str) -> None:
    by_platform_key(event_type)(world)

    event = Event.objects.get()
    assert (event.app, event.type, event.data) == (world.app, event_type, BUILT_IN_TYPES[event_type].example)


def test_the_table_names_types_that_there_are_and_tells_by_what_each_comes() -> None:
    assert len(BUILT_IN_TYPES) == 44 + 1
    assert ACTIONS.keys() <= BUILT_IN_TYPES.keys()
    assert BUILT_IN_TYPES.keys() - ACTIONS.keys() >= PLATFORM_KEY_ONLY
    for family in ("app", "auth", "email", "organization", "webhook"):
        of_family = {name for name, built_in in BUILT_IN_TYPES.items() if built_in.family == family}
        assert of_family == {name for name in ACTIONS.keys() | PLATFORM_KEY_ONLY if name.startswith(f"{family}.")}
