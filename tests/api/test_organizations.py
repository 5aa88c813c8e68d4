"""Organizations and their parts over REST: shapes, statuses, refusals."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from events.models import Event
from switera_webhooks.times import iso
from tests.api.conftest import Api, refusal
from tests.factories import make_endpoint, make_organization
from tests.organizations import make_domain, make_invitation, make_member, run_out
from webhooks.app_setup import CreatedApp
from webhooks.models import AuditEntry, Invitation, Organization, OrganizationDomain, OrganizationMember
from webhooks.organizations.invitations import expire_invitations

pytestmark = pytest.mark.usefixtures("catalog")


@pytest.fixture
def organization(shop: CreatedApp) -> Organization:
    return make_organization(shop.app, "Globex")


@pytest.fixture
def base(organization: Organization) -> str:
    return f"organizations/{organization.public_id}"


def emitted() -> list[str]:
    events = Event.objects.filter(type__startswith="organization.")
    return list(events.order_by("pk").values_list("type", flat=True))


def nothing_emitted_or_audited() -> bool:
    return not emitted() and not AuditEntry.objects.filter(actor_type="api_key").exists()


# Organizations -------------------------------------------------------------------------------------


def test_an_organization_is_created_read_changed_and_deleted(live_api: Api, test_api: Api) -> None:
    created = live_api.post("organizations", {"name": "Globex"})
    organization = Organization.objects.get()
    shape: dict[str, Any] = {
        "id": organization.public_id,
        "name": "Globex",
        "slug": "globex",
        "state": "active",
        "created_at": iso(organization.created_at),
        "updated_at": iso(organization.updated_at),
    }
    assert (created.status_code, created.json()) == (201, shape)
    for api in (live_api, test_api):
        assert api.get(f"organizations/{organization.public_id}").json() == shape
        assert api.get("organizations").json() == {"items": [shape], "next": None, "previous": None}

    # As it was read, edited.
    changed = live_api.patch(f"organizations/{organization.public_id}", shape | {"state": "suspended"})
    organization.refresh_from_db()
    assert (changed.status_code, changed.json()) == (
        200,
        shape | {"state": "suspended", "updated_at": iso(organization.updated_at)},
    )
    deleted = live_api.delete(f"organizations/{organization.public_id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert live_api.get(f"organizations/{organization.public_id}").status_code == 404
    assert emitted() == ["organization.created", "organization.updated", "organization.deleted"]
    actions = AuditEntry.objects.filter(actor_type="api_key").order_by("id").values_list("action", flat=True)
    assert list(actions) == emitted()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"name": " Globex"}, "name"),
        ({"slug": "A"}, "slug"),
        ({"slug": None}, "slug"),
        ({"state": "gone"}, "state"),
        ({"plan": "gold"}, "plan"),
    ],
)
def test_a_field_that_is_wrong_is_400(live_api: Api, change: dict[str, Any], field: str) -> None:
    status, _, details = refusal(live_api.post("organizations", {"name": "Globex"} | change))

    assert (status, list(details)) == (400, [field])
    assert not Organization.objects.exists()
    assert nothing_emitted_or_audited()


def test_a_slug_that_is_taken_is_409_and_finds_its_organization(
    live_api: Api, organization: Organization, rival_api: Api
) -> None:
    taken = live_api.post("organizations", {"name": "Globex", "slug": organization.slug})

    assert refusal(taken) == (409, "slug_taken", {"slug": ["Taken."]})
    assert [one["id"] for one in live_api.get("organizations", slug=organization.slug).json()["items"]] == [
        organization.public_id
    ]
    assert rival_api.get("organizations", slug=organization.slug).json()["items"] == []


def test_one_with_an_endpoint_is_not_deleted(
    live_api: Api, shop: CreatedApp, organization: Organization, base: str
) -> None:
    endpoint = make_endpoint(shop.app, organization=organization, name="Billing")

    answer = live_api.delete(base)

    assert refusal(answer)[:2] == (409, "organization_has_endpoints")
    assert "receive only its events: Billing. Delete them" in answer.json()["message"]
    endpoint.refresh_from_db()
    assert endpoint.organization_id == organization.pk
    assert nothing_emitted_or_audited()


def test_lists_are_pages_newest_first(live_api: Api, shop: CreatedApp) -> None:
    made = [make_organization(shop.app, f"Customer{number}").public_id for number in range(3)]

    first = live_api.get("organizations", limit=2).json()
    second = live_api.get("organizations", limit=2, cursor=first["next"]).json()

    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


# Members -------------------------------------------------------------------------------------------


def test_a_member_is_added_read_changed_and_removed(live_api: Api, organization: Organization, base: str) -> None:
    added = live_api.post(f"{base}/members", {"user_id": "usr_7", "email": "ada@globex.example"})
    member = OrganizationMember.objects.get()
    shape = {
        "id": member.public_id,
        "organization_id": organization.public_id,
        "user_id": "usr_7",
        "email": "ada@globex.example",
        "role": "member",
        "source": "api",
        "created_at": iso(member.created_at),
        "updated_at": iso(member.updated_at),
    }
    path = f"{base}/members/{member.public_id}"
    assert (added.status_code, added.json()) == (201, shape)
    assert live_api.get(path).json() == shape
    assert live_api.get(f"{base}/members").json()["items"] == [shape]

    changed = live_api.patch(path, shape | {"role": "admin"})
    assert (changed.status_code, changed.json()["role"]) == (200, "admin")
    removed = live_api.delete(f"{path}?reason=left")
    assert (removed.status_code, live_api.get(path).status_code) == (204, 404)
    assert emitted() == [f"organization.member.{what}" for what in ("added", "updated", "removed")]
    assert Event.objects.latest("pk").data["reason"] == "left"  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"email": "ada"}, "email"),
        ({"role": ""}, "role"),
        ({"source": "invitation"}, "source"),
        ({"source": "domain"}, "source"),
        ({"name": "Ada"}, "name"),
    ],
)
def test_a_members_field_that_is_wrong_is_400(live_api: Api, base: str, change: dict[str, Any], field: str) -> None:
    given = {"user_id": "usr_7", "email": "ada@globex.example"} | change

    status, _, details = refusal(live_api.post(f"{base}/members", given))

    assert (status, list(details)) == (400, [field])
    assert not OrganizationMember.objects.exists()
    assert nothing_emitted_or_audited()


def test_what_only_the_product_sets_of_a_member_is_refused(
    live_api: Api, organization: Organization, base: str
) -> None:
    member = make_member(organization)

    answer = live_api.patch(f"{base}/members/{member.public_id}", {"user_id": "usr_2"})

    assert refusal(answer)[:2] == (400, "unknown_field")
    assert live_api.delete(f"{base}/members/{member.public_id}?reason=").status_code == 400
    assert OrganizationMember.objects.get().user_id == "usr_1"


def test_a_member_twice_is_409(live_api: Api, organization: Organization, base: str) -> None:
    make_member(organization)

    answer = live_api.post(f"{base}/members", {"user_id": "usr_1", "email": "b@globex.example"})

    assert refusal(answer) == (409, "member_exists", {"user_id": ["A member already."]})


# Invitations ---------------------------------------------------------------------------------------


def test_an_invitation_is_created_changed_and_accepted(live_api: Api, organization: Organization, base: str) -> None:
    before = timezone.now()
    created = live_api.post(f"{base}/invitations", {"email": "ada@globex.example", "locale": "en-GB"})
    invitation = Invitation.objects.get()
    assert invitation.expires_at is not None
    assert before + dt.timedelta(days=7) <= invitation.expires_at <= timezone.now() + dt.timedelta(days=7)
    shape = {
        "id": invitation.public_id,
        "organization_id": organization.public_id,
        "email": "ada@globex.example",
        "role": "member",
        "locale": "en-GB",
        "state": "pending",
        "expires_at": iso(invitation.expires_at),
        "ended_at": None,
        "created_at": iso(invitation.created_at),
        "updated_at": iso(invitation.updated_at),
    }
    path = f"{base}/invitations/{invitation.public_id}"
    assert (created.status_code, created.json()) == (201, shape)
    assert live_api.get(path).json() == shape
    assert live_api.get(f"{base}/invitations").json()["items"] == [shape]

    changed = live_api.patch(path, {"role": "admin", "locale": None, "expires_at": None})
    assert changed.status_code == 200
    assert [changed.json()[name] for name in ("role", "locale", "expires_at")] == ["admin", None, None]
    accepted = live_api.post(f"{path}/accept", {"user_id": "usr_7"})
    member = OrganizationMember.objects.get()
    assert (accepted.status_code, accepted.json()["id"], accepted.json()["role"]) == (200, member.public_id, "admin")
    read = live_api.get(path).json()
    assert read["state"] == "accepted"
    assert read["ended_at"] is not None
    assert emitted() == [
        "organization.invitation.created",
        "organization.member.added",
        "organization.invitation.accepted",
    ]
    invited = Event.objects.earliest("pk").data
    assert invited["invited_by"] == AuditEntry.objects.filter(actor_type="api_key").latest("pk").actor_id  # type: ignore[index]


def test_an_invitation_is_revoked_or_deleted(live_api: Api, organization: Organization, base: str) -> None:
    first, second = make_invitation(organization), make_invitation(organization, "b@globex.example")

    revoked = live_api.post(f"{base}/invitations/{first.public_id}/revoke")
    deleted = live_api.delete(f"{base}/invitations/{second.public_id}")

    assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
    assert (deleted.status_code, Invitation.objects.count()) == (204, 1)
    again = live_api.post(f"{base}/invitations/{first.public_id}/revoke")
    assert refusal(again) == (409, "invitation_revoked", {})
    assert emitted()[2:] == ["organization.invitation.revoked"] * 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"role": 1}, "role"),
        ({"locale": "english please"}, "locale"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"state": "accepted"}, "state"),
    ],
)
def test_an_invitations_field_that_is_wrong_is_400(
    live_api: Api, base: str, change: dict[str, Any], field: str
) -> None:
    status, _, details = refusal(live_api.post(f"{base}/invitations", {"email": "ada@globex.example"} | change))

    assert (status, list(details)) == (400, [field])
    assert not Invitation.objects.exists()
    assert nothing_emitted_or_audited()


def test_whoever_is_invited_or_a_member_is_409_and_what_ran_out_is_too(
    live_api: Api, organization: Organization, base: str
) -> None:
    invitation = make_invitation(organization)
    path = f"{base}/invitations/{invitation.public_id}"

    assert refusal(live_api.post(f"{base}/invitations", {"email": "ADA@globex.example"}))[1] == "invitation_exists"
    run_out(invitation)
    assert refusal(live_api.post(f"{path}/accept", {"user_id": "usr_7"}))[:2] == (409, "invitation_expired")
    assert not OrganizationMember.objects.exists()
    assert live_api.post(f"{base}/invitations", {"email": "ada@globex.example"}).status_code == 201
    assert live_api.get(path).json()["state"] == "expired"


def test_what_has_run_out_is_expired_from_then_on_and_is_told_once_by_the_task(
    live_api: Api, organization: Organization, base: str
) -> None:
    invitation = make_invitation(organization)
    path = f"{base}/invitations/{invitation.public_id}"
    moment = run_out(invitation)
    told = emitted()

    read = live_api.get(path).json()

    assert (read["state"], read["ended_at"], read["expires_at"]) == ("expired", iso(moment), iso(moment))
    assert live_api.get(f"{base}/invitations").json()["items"] == [read]
    for action, body in (("accept", {"user_id": "usr_7"}), ("revoke", None)):
        assert refusal(live_api.post(f"{path}/{action}", body))[:2] == (409, "invitation_expired")
    assert refusal(live_api.patch(path, {"role": "admin"}))[:2] == (409, "invitation_expired")
    assert (emitted(), OrganizationMember.objects.exists()) == (told, False)
    for _ in range(2):
        expire_invitations(lambda: False)
    assert emitted() == [*told, "organization.invitation.expired"]
    after = live_api.get(path).json()
    assert after | {"updated_at": ""} == read | {"updated_at": ""}


# Domains -------------------------------------------------------------------------------------------


def test_a_domain_is_added_changed_verified_and_removed(live_api: Api, organization: Organization, base: str) -> None:
    added = live_api.post(f"{base}/domains", {"domain": "Globex.example"})
    domain = OrganizationDomain.objects.get()
    shape = {
        "id": domain.public_id,
        "organization_id": organization.public_id,
        "domain": "globex.example",
        "auto_join": False,
        "verified": False,
        "method": None,
        "verified_at": None,
        "txt_record": {
            "name": "_switera.globex.example",
            "value": f"switera-verification={domain.verification_token}",
        },
        "created_at": iso(domain.created_at),
        "updated_at": iso(domain.updated_at),
    }
    path = f"{base}/domains/{domain.public_id}"
    assert (added.status_code, added.json()) == (201, shape)
    assert live_api.get(path).json() == shape
    assert live_api.get(f"{base}/domains").json()["items"] == [shape]

    assert live_api.patch(path, shape | {"auto_join": True}).json()["auto_join"] is True
    verified = live_api.post(f"{path}/verify", {"method": "dns_txt"})
    assert verified.status_code == 200
    assert [verified.json()[name] for name in ("verified", "method")] == [True, "dns_txt"]
    assert live_api.post(f"{path}/verify", {"method": "email"}).json() == verified.json()
    assert (live_api.delete(path).status_code, live_api.get(path).status_code) == (204, 404)
    assert emitted() == ["organization.domain.verified", "organization.domain.removed"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "domain"), ({"domain": "globex"}, "domain"), ({"domain": "globex.example", "auto_join": "yes"}, "auto_join")],
)
def test_a_domains_field_that_is_wrong_is_400(live_api: Api, base: str, body: dict[str, Any], field: str) -> None:
    status, _, details = refusal(live_api.post(f"{base}/domains", body))

    assert (status, list(details)) == (400, [field])
    assert not OrganizationDomain.objects.exists()


def test_a_domain_twice_or_verified_elsewhere_is_409(
    live_api: Api, shop: CreatedApp, organization: Organization, base: str
) -> None:
    other = make_organization(shop.app)
    mine, theirs = make_domain(organization), make_domain(other)
    live_api.post(f"organizations/{other.public_id}/domains/{theirs.public_id}/verify", {"method": "manual"})

    again = live_api.post(f"{base}/domains", {"domain": "globex.example"})
    taken = live_api.post(f"{base}/domains/{mine.public_id}/verify", {"method": "manual"})

    assert (refusal(again)[1], refusal(taken)[1]) == ("domain_exists", "domain_taken")
    mine.refresh_from_db()
    assert mine.verified_at is None
