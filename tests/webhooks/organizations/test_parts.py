"""Members, invitations and domains of an organization: what is refused, and what is written."""

import datetime as dt
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from deliveries import worker_turn
from events.event_types import sync_event_catalog
from events.models import Event
from switera_webhooks import celery
from switera_webhooks.refusals import Conflict, InvalidInput, Refusal
from tests.factories import ACTOR, make_app, make_organization
from tests.organizations import make_domain, make_invitation, make_member, run_out
from webhooks import tasks
from webhooks.models import (
    AuditEntry,
    Invitation,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)
from webhooks.organizations import invitations
from webhooks.organizations.domains import add_domain, remove_domain, update_domain, verify_domain
from webhooks.organizations.invitations import (
    accept_invitation,
    create_invitation,
    delete_invitation,
    revoke_invitation,
    update_invitation,
)
from webhooks.organizations.members import (
    add_organization_member,
    remove_organization_member,
    update_organization_member,
)

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DAY = dt.timedelta(days=1)


@pytest.fixture
def organization() -> Organization:
    sync_event_catalog()
    return make_organization(make_app().app, "Globex")


def rows() -> list[list[Any]]:
    models = (AuditEntry, Event, Invitation, OrganizationDomain, OrganizationMember)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def refused(kind: type[Refusal], action: Any, *arguments: Any, **options: Any) -> Refusal:
    """The refusal; nothing was written and nothing emitted."""
    before = rows()
    with pytest.raises(kind) as raised, transaction.atomic():
        action(*arguments, **options)
    assert rows() == before
    return raised.value


def audited(organization: Organization) -> list[tuple[str, dict[str, Any]]]:
    """The actions about the organization's parts, without its id, in order."""
    entries = AuditEntry.objects.filter(changes__organization_id=organization.public_id).order_by("id")
    return [
        (entry.action, {name: value for name, value in entry.changes.items() if name != "organization_id"})
        for entry in entries
    ]


# Members -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", ""),
        ("user_id", "a\0"),
        ("user_id", "x" * 256),
        ("email", ""),
        ("email", "ada"),
        ("email", "ada@globex.example\n"),
        ("email", f"{'a' * 250}@b.example"),
        ("role", ""),
        ("role", "x" * 65),
        ("source", "magic"),
    ],
)
def test_a_members_field_that_is_wrong_is_named(organization: Organization, field: str, value: str) -> None:
    given = {"user_id": "usr_1", "email": "ada@globex.example", field: value}

    assert list(refused(InvalidInput, add_organization_member, organization, **given, actor=ACTOR).details) == [field]


def test_a_user_is_a_member_once_in_each_organization(organization: Organization) -> None:
    make_member(organization)
    make_member(make_organization(organization.app, "Acme"))

    refusal = refused(Conflict, add_organization_member, organization, "usr_1", "b@globex.example", actor=ACTOR)

    assert (refusal.code, refusal.message) == ("member_exists", "usr_1 is a member of this organization already.")


def test_the_source_domain_needs_a_verified_domain_that_lets_people_join(organization: Organization) -> None:
    domain = make_domain(organization)
    given = (organization, "usr_1", "Ada@GLOBEX.example")

    def join() -> OrganizationMember:
        return add_organization_member(*given, source="domain", actor=ACTOR)

    assert list(refused(InvalidInput, join).details) == ["source"]
    update_domain(domain, {"auto_join": True}, ACTOR)
    assert list(refused(InvalidInput, join).details) == ["source"]
    verify_domain(domain, "dns_txt", ACTOR)
    assert join().source == "domain"


def test_changes_of_members_are_audited_and_one_that_is_gone_is_a_conflict(organization: Organization) -> None:
    """S46."""
    member = make_member(organization)
    update_organization_member(member, {"role": "admin", "email": "b@globex.example"}, ACTOR)
    update_organization_member(member, {"role": "admin"}, ACTOR)
    remove_organization_member(member, ACTOR, "left")

    assert audited(organization) == [
        (
            "organization.member.added",
            {"user_id": "usr_1", "email": "usr_1@globex.example", "role": "member", "source": "api"},
        ),
        (
            "organization.member.updated",
            {"role": ["member", "admin"], "email": ["usr_1@globex.example", "b@globex.example"]},
        ),
        ("organization.member.removed", {"user_id": "usr_1", "role": "admin", "reason": "left"}),
    ]
    member.pk = AuditEntry.objects.values_list("pk", flat=True)[0]
    assert refused(Conflict, remove_organization_member, member, ACTOR).code == "member_deleted"


# Invitations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ada"),
        ("role", ""),
        ("locale", "english please"),
        ("locale", "x" * 36),
        ("expires_at", NOW - DAY),
    ],
)
def test_an_invitations_field_that_is_wrong_is_named(organization: Organization, field: str, value: object) -> None:
    given: dict[str, Any] = {"email": "ada@globex.example", "expires_at": None, field: value}

    assert list(refused(InvalidInput, create_invitation, organization, **given, actor=ACTOR).details) == [field]


def test_an_address_has_one_pending_invitation_and_none_while_it_is_a_members(organization: Organization) -> None:
    make_member(organization)
    invitation = make_invitation(organization)
    again = {"expires_at": None, "actor": ACTOR}

    assert refused(Conflict, create_invitation, organization, "ADA@globex.example", **again).code == "invitation_exists"
    assert refused(Conflict, create_invitation, organization, "usr_1@globex.example", **again).code == "member_exists"
    revoke_invitation(invitation, ACTOR)
    create_invitation(organization, "ada@globex.example", expires_at=None, actor=ACTOR)
    states = Invitation.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["revoked", "pending"]


def test_one_that_has_run_out_is_in_nobodys_way(organization: Organization) -> None:
    """Before the task has come to it."""
    invitation = make_invitation(organization)
    run_out(invitation)

    assert refused(Conflict, accept_invitation, invitation, "usr_1", ACTOR).code == "invitation_expired"
    assert refused(Conflict, revoke_invitation, invitation, ACTOR).message == (
        "This invitation has run out: invite again."
    )
    make_invitation(organization)

    assert list(Invitation.objects.order_by("id").values_list("state", flat=True)) == ["expired", "pending"]


def test_accepting_makes_the_member_once(organization: Organization) -> None:
    invitation = make_invitation(organization)

    member = accept_invitation(invitation, "usr_1", ACTOR)

    assert (member.user_id, member.email, member.role, member.source) == (
        "usr_1",
        "ada@globex.example",
        "member",
        "invitation",
    )
    for action, arguments in ((accept_invitation, ("usr_2", ACTOR)), (revoke_invitation, (ACTOR,))):
        refusal = refused(Conflict, action, invitation, *arguments)
        assert (refusal.code, refusal.message) == (
            "invitation_accepted",
            "This invitation was accepted: invite again.",
        )
    assert refused(Conflict, update_invitation, invitation, {"role": "admin"}, ACTOR).code == "invitation_accepted"


def test_an_invitation_stays_pending_where_its_user_is_a_member_already(organization: Organization) -> None:
    make_member(organization)
    invitation = make_invitation(organization)

    assert refused(Conflict, accept_invitation, invitation, "usr_1", ACTOR).code == "member_exists"
    assert list(refused(InvalidInput, accept_invitation, invitation, "", ACTOR).details) == ["user_id"]


def test_changes_of_invitations_are_audited(organization: Organization) -> None:
    """S46."""
    invitation = make_invitation(organization)
    update_invitation(invitation, {"role": "admin", "expires_at": None}, ACTOR)
    expires_at = invitation.expires_at
    delete_invitation(invitation, ACTOR)

    assert expires_at is not None
    assert audited(organization) == [
        ("organization.invitation.created", {"email": "ada@globex.example", "role": "member"}),
        (
            "organization.invitation.updated",
            {
                "role": ["member", "admin"],
                "expires_at": [expires_at.isoformat().replace("+00:00", "Z"), None],
            },
        ),
        ("organization.invitation.revoked", {}),
        ("organization.invitation.deleted", {"state": "revoked"}),
    ]
    assert not organization.invitations.exists()


def test_the_task_ends_what_has_run_out_and_the_schedule_has_it(organization: Organization) -> None:
    gone, forever = make_invitation(organization), make_invitation(organization, "b@globex.example")
    Invitation.objects.filter(pk=forever.pk).update(expires_at=None)
    moment = run_out(gone)

    tasks.expire_invitations()
    tasks.expire_invitations()

    gone.refresh_from_db()
    assert (gone.state, gone.ended_at) == ("expired", moment)
    assert list(Invitation.objects.exclude(pk=gone.pk).values_list("state", flat=True)) == ["pending"]
    entry = AuditEntry.objects.get(action="organization.invitation.expired")
    assert (entry.actor_type, entry.target_id) == ("system", gone.public_id)
    scheduled = celery.app.conf.beat_schedule["expire-invitations"]
    assert (scheduled["task"], scheduled["schedule"]) == (tasks.expire_invitations.name, 60.0)


def test_many_that_have_run_out_are_ended_in_turns(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "_EXPIRED_AT_ONCE", 2)
    for number in range(5):
        run_out(make_invitation(organization, f"{number}@globex.example"))
    monkeypatch.setattr(worker_turn, "TURN_SECONDS", 0.0)
    asked: list[object] = []
    monkeypatch.setattr(tasks.expire_invitations, "apply_async", lambda **options: asked.append(options))
    left = []
    for _ in range(4):
        tasks.expire_invitations()
        left.append(Invitation.objects.filter(state="pending").count())

    assert left == [3, 1, 0, 0]
    assert asked == [{"expires": 60}] * 3
    assert Event.objects.filter(type="organization.invitation.expired").count() == 5


# Domains -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "domain", ["", "globex", "-.example", "1.2.3.4", "[::1]", "a b.example", "https://globex.example"]
)
def test_what_is_no_domain_is_refused(organization: Organization, domain: str) -> None:
    assert refused(InvalidInput, add_domain, organization, domain, actor=ACTOR).details == {
        "domain": ["Give a domain, such as globex.example."]
    }


def test_a_domain_is_kept_in_one_spelling_with_a_record_to_set(organization: Organization) -> None:
    domain = add_domain(organization, " Bücher.Example ", actor=ACTOR)

    assert domain.domain == "xn--bcher-kva.example"
    assert domain.txt_name == "_switera.xn--bcher-kva.example"
    assert domain.txt_value == f"switera-verification={domain.verification_token}"
    assert len(domain.verification_token) == 32
    assert refused(Conflict, add_domain, organization, "BÜCHER.example", actor=ACTOR).code == "domain_exists"


def test_a_domain_is_verified_for_one_organization_of_an_app(organization: Organization) -> None:
    other = make_organization(organization.app, "Acme")
    elsewhere = make_organization(make_app("Rival").app)
    mine, theirs, of_rival = (make_domain(each) for each in (organization, other, elsewhere))
    verify_domain(mine, "manual", ACTOR)
    verify_domain(of_rival, "manual", ACTOR)

    refusal = refused(Conflict, verify_domain, theirs, "manual", ACTOR)
    unknown = refused(InvalidInput, verify_domain, theirs, "hearsay", ACTOR)

    assert (refusal.code, list(unknown.details)) == ("domain_taken", ["method"])
    remove_domain(mine, ACTOR)
    verify_domain(theirs, "email", ACTOR)
    assert audited(other)[-1][1]["method"] == [None, "email"]
