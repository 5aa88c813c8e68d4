"""`organization.*`: the real action happens, one event of it is there, its data as its schema and catalog say."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from events.event_data import check_event_data
from events.event_types import sync_event_catalog
from events.models import Event, EventType
from switera_webhooks.times import iso
from tests.factories import ACTOR, make_app, make_key, make_organization
from tests.organizations import make_domain, make_invitation, make_member, run_out
from webhooks.audit import Actor
from webhooks.models import App, Organization
from webhooks.organizations.domains import remove_domain, update_domain, verify_domain
from webhooks.organizations.invitations import (
    accept_invitation,
    create_invitation,
    delete_invitation,
    expire_invitations,
    revoke_invitation,
    update_invitation,
)
from webhooks.organizations.members import (
    add_organization_member,
    remove_organization_member,
    update_organization_member,
)
from webhooks.organizations.organization import create_organization, delete_organization, update_organization

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def app() -> App:
    sync_event_catalog()
    return make_app().app


@pytest.fixture
def organization(app: App) -> Organization:
    return make_organization(app, "Globex")


@pytest.fixture
def by_key(app: App) -> Actor:
    """A key as the actor; its id is told to receivers."""
    return Actor.of_api_key(make_key(app)[0], None)


def told(action: Callable[[], object]) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of the events that the action emitted, in order; each is valid, and of its organization."""
    before = set(Event.objects.values_list("pk", flat=True))
    action()
    events = list(Event.objects.exclude(pk__in=before).order_by("pk"))
    for event in events:
        check_event_data(EventType.objects.get(app=None, name=event.type), event.data)
        public_id = event.data.get("organization_id", event.data.get("id"))  # type: ignore[attr-defined]
        assert f'"organization_id":"{public_id}"' in event.payload.split(',"data":')[0]
    return [(event.type, event.data) for event in events]  # type: ignore[misc]


def expire_all() -> object:
    return expire_invitations(lambda: False)


def test_an_organization_is_created(app: App) -> None:
    (event,) = told(lambda: create_organization(app, "Globex", actor=ACTOR))

    organization = Organization.objects.get()
    assert event == (
        "organization.created",
        {
            "id": organization.public_id,
            "name": "Globex",
            "slug": "globex",
            "state": "active",
            "created_at": iso(organization.created_at),
        },
    )
    assert Event.objects.get().organization_id == organization.pk


def test_an_organization_is_updated_and_nothing_is_told_of_what_stays(organization: Organization) -> None:
    changes = {"name": "Globex Corporation", "state": "suspended", "slug": organization.slug}

    assert told(lambda: update_organization(organization, changes, ACTOR)) == [
        (
            "organization.updated",
            {
                "id": organization.public_id,
                "name": "Globex Corporation",
                "slug": organization.slug,
                "state": "suspended",
                "changed_fields": ["name", "state"],
            },
        )
    ]
    assert told(lambda: update_organization(organization, changes, ACTOR)) == []


def test_an_organization_is_deleted_and_its_events_keep_its_id(organization: Organization) -> None:
    make_member(organization)
    before = timezone.now()
    key, public_id = organization.pk, organization.public_id

    ((type, data),) = told(lambda: delete_organization(organization, ACTOR))

    assert (type, data["id"], data["slug"]) == ("organization.deleted", public_id, organization.slug)
    assert iso(before) <= data["deleted_at"] <= iso(timezone.now())
    assert list(Event.objects.order_by("pk").values_list("type", "organization_id")) == [
        ("organization.member.added", key),
        ("organization.deleted", key),
    ]


def test_a_member_is_added_changed_and_removed(organization: Organization) -> None:
    ((type, data),) = told(
        lambda: add_organization_member(organization, "usr_7", "ada@globex.example", role="admin", actor=ACTOR)
    )
    member = organization.members.get()
    ids = {"organization_id": organization.public_id, "member_id": member.public_id, "user_id": "usr_7"}

    assert type == "organization.member.added"
    assert data == {**ids, "email": "ada@globex.example", "role": "admin", "source": "api"}
    assert told(lambda: update_organization_member(member, {"role": "owner"}, ACTOR)) == [
        ("organization.member.updated", {**ids, "role": "owner", "previous_role": "admin"})
    ]
    # The role stays, and the type tells of roles.
    assert told(lambda: update_organization_member(member, {"email": "a@globex.example"}, ACTOR)) == []
    assert told(lambda: remove_organization_member(member, ACTOR, "left")) == [
        ("organization.member.removed", {**ids, "role": "owner", "reason": "left"})
    ]


def test_a_removal_without_a_reason_says_null(organization: Organization) -> None:
    member = make_member(organization)

    ((_, data),) = told(lambda: remove_organization_member(member, ACTOR))

    assert data["reason"] is None


def test_an_invitation_is_created_and_accepted(organization: Organization, by_key: Actor) -> None:
    expires_at = timezone.now() + DAY
    ((type, data),) = told(
        lambda: create_invitation(
            organization, "ada@globex.example", role="admin", locale="en-GB", expires_at=expires_at, actor=by_key
        )
    )
    invitation = organization.invitations.get()
    ids = {
        "invitation_id": invitation.public_id,
        "organization_id": organization.public_id,
        "email": "ada@globex.example",
    }

    assert type == "organization.invitation.created"
    assert data == {
        **ids,
        "role": "admin",
        "locale": "en-GB",
        "expires_at": iso(expires_at),
        "invited_by": by_key.id,
    }
    # Nobody is told of a change of an invitation: there is no type for it.
    assert told(lambda: update_invitation(invitation, {"role": "owner"}, by_key)) == []
    added, accepted = told(lambda: accept_invitation(invitation, "usr_7", by_key))
    invitation.refresh_from_db()
    assert invitation.ended_at is not None
    assert added[0] == "organization.member.added"
    assert (added[1]["user_id"], added[1]["role"], added[1]["source"]) == ("usr_7", "owner", "invitation")
    assert accepted == (
        "organization.invitation.accepted",
        {**ids, "user_id": "usr_7", "role": "owner", "accepted_at": iso(invitation.ended_at)},
    )


def test_an_invitation_by_a_command_for_ever_names_nobody_and_no_end(organization: Organization) -> None:
    ((_, data),) = told(lambda: create_invitation(organization, "a@globex.example", expires_at=None, actor=ACTOR))

    assert (data["invited_by"], data["expires_at"], data["locale"]) == (None, None, None)


def test_an_invitation_is_revoked(organization: Organization, by_key: Actor) -> None:
    invitation = make_invitation(organization)
    data = {
        "invitation_id": invitation.public_id,
        "organization_id": organization.public_id,
        "email": "ada@globex.example",
    }

    assert told(lambda: revoke_invitation(invitation, by_key)) == [
        ("organization.invitation.revoked", {**data, "revoked_by": by_key.id})
    ]
    assert told(lambda: delete_invitation(invitation, by_key)) == []
    other = make_invitation(organization, "b@globex.example")
    ((type, of_other),) = told(lambda: delete_invitation(other, ACTOR))
    assert (type, of_other["revoked_by"]) == ("organization.invitation.revoked", None)


def test_an_invitation_runs_out_once(organization: Organization) -> None:
    invitation = make_invitation(organization)
    make_invitation(organization, "not-yet@globex.example")
    moment = run_out(invitation)

    assert told(expire_all) == [
        (
            "organization.invitation.expired",
            {
                "invitation_id": invitation.public_id,
                "organization_id": organization.public_id,
                "email": "ada@globex.example",
                "expired_at": iso(moment),
            },
        )
    ]
    assert told(expire_all) == []


def test_a_domain_is_verified_once_and_removed(organization: Organization, by_key: Actor) -> None:
    domain = make_domain(organization, auto_join=True)
    ids = {"organization_id": organization.public_id, "domain": "globex.example"}

    assert told(lambda: update_domain(domain, {"auto_join": True}, by_key)) == []
    ((type, data),) = told(lambda: verify_domain(domain, "dns_txt", by_key))
    domain.refresh_from_db()
    assert domain.verified_at is not None
    assert type == "organization.domain.verified"
    assert data == {**ids, "method": "dns_txt", "auto_join": True, "verified_at": iso(domain.verified_at)}
    assert told(lambda: verify_domain(domain, "email", by_key)) == []
    assert told(lambda: remove_domain(domain, by_key)) == [
        ("organization.domain.removed", {**ids, "removed_by": by_key.id})
    ]


def test_an_event_is_of_the_environment_of_the_page_that_caused_it(organization: Organization) -> None:
    in_test = replace(ACTOR, environment="test")

    update_organization(organization, {"name": "Globex 2"}, in_test)
    update_organization(organization, {"name": "Globex 3"}, ACTOR)

    assert list(Event.objects.order_by("pk").values_list("environment", flat=True)) == ["test", "live"]
