"""The members, invitations and domains of an organization in the section Organizations."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from switera_webhooks.keyset import Cursor
from tests.demo import Demo
from tests.organizations import make_domain, run_out
from tests.pages.organizations import audited, listed, nothing_changed, path_of, text_of, told
from webhooks.models import (
    Invitation,
    OrganizationDomain,
    OrganizationMember,
)

pytestmark = pytest.mark.django_db


# Members -------------------------------------------------------------------------------------------


def test_a_member_is_added_changed_and_removed(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Acme", "members/")
    assert listed(owner, path) == ["margaret@acme.example", "linus@acme.example", "grace@acme.example"]

    added = owner.post(f"{path}add/", {"user_id": "usr_9", "email": "ken@acme.example", "role": "member"})
    member = OrganizationMember.objects.get(user_id="usr_9")
    assert (added.headers["Location"], member.source) == (path, "page")
    assert "ken@acme.example usr_9 member added on this page" in text_of(owner, path)
    changed = owner.post(f"{path}{member.public_id}/", {"email": "ken@acme.example", "role": "admin"})
    member.refresh_from_db()
    assert (changed.headers["Location"], member.role) == (path, "admin")
    assert owner.get(f"{path}{member.public_id}/remove/").headers["Location"] == f"{path}{member.public_id}/"
    removed = owner.post(f"{path}{member.public_id}/remove/")

    assert (removed.headers["Location"], OrganizationMember.objects.filter(pk=member.pk).exists()) == (path, False)
    actions = [f"organization.member.{what}" for what in ("added", "updated", "removed")]
    assert (audited(), told()) == (actions, [(action, "live") for action in actions])


def test_a_member_with_mistakes_or_twice_is_not_added(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Acme", "members/add/")
    with nothing_changed():
        bad = owner.post(path, {"user_id": "usr_9", "email": "ken", "role": ""})
        twice = owner.post(path, {"user_id": "usr_77", "email": "ken@acme.example", "role": "member"})

    assert (bad.status_code, twice.status_code) == (400, 400)
    assert b"Give an e-mail address, such as ada@globex.example." in bad.content
    assert b'value="usr_9"' in bad.content
    assert b"A member already." in twice.content


def test_a_page_of_members_that_was_emptied_leads_back(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Acme", "members/")
    last = demo.organizations["Acme"].members.earliest("pk")
    after_all = Cursor(str(last.pk), backward=False).encode()

    text = text_of(owner, f"{path}?cursor={after_all}")

    assert "No member yet" not in text
    assert "Newer" in text


# Invitations ---------------------------------------------------------------------------------------


def test_somebody_is_invited_and_the_invitation_revoked(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Globex", "invitations/")
    assert "No invitation yet" in text_of(owner, path)
    before = timezone.now()

    given = {"email": "ken@globex.example", "role": "admin", "locale": "pt-BR", "days": "1"}
    invited = owner.post(f"{path}add/", given)
    invitation = Invitation.objects.get(email="ken@globex.example")
    assert (invited.headers["Location"], invitation.invited_by) == (path, str(demo.owner.pk))
    assert (invitation.role, invitation.locale, invitation.state) == ("admin", "pt-BR", "pending")
    assert invitation.expires_at is not None
    day = dt.timedelta(days=1)
    assert before + day <= invitation.expires_at <= timezone.now() + day
    revoke = f"{path}{invitation.public_id}/revoke/"
    assert f'action="{revoke}"' in owner.get(path).content.decode()
    revoked = owner.post(revoke)
    again = owner.post(revoke, follow=True)

    invitation.refresh_from_db()
    assert (revoked.headers["Location"], invitation.state) == (path, "revoked")
    assert b"This invitation was revoked: invite again." in again.content
    assert f'action="{revoke}"' not in owner.get(path).content.decode()
    actions = ["organization.invitation.created", "organization.invitation.revoked"]
    assert (audited(), told()) == (actions, [(action, "live") for action in actions])


def test_an_invitation_may_be_for_ever_and_one_with_mistakes_is_none(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Acme", "invitations/add/")
    with nothing_changed():
        bad = owner.post(path, {"email": "x", "role": "member", "locale": "english please", "days": "2"})
        twice = owner.post(path, {"email": "barbara@acme.example", "role": "member", "days": "7"})

    assert (bad.status_code, bad.content.count(b'class="errorlist"')) == (400, 3)
    assert b"barbara@acme.example is invited already: revoke that invitation first." in twice.content
    owner.post(path, {"email": "ken@acme.example", "role": "member", "days": "any"})
    assert Invitation.objects.get(email="ken@acme.example").expires_at is None
    assert "ken@acme.example Pending member for ever" in text_of(owner, path_of(demo, "Acme", "invitations/"))


def test_an_invitation_that_has_run_out_is_expired_before_the_task_says_so(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Acme", "invitations/")
    invitation = Invitation.objects.get(email="barbara@acme.example")
    run_out(invitation)

    text = text_of(owner, path)

    assert "barbara@acme.example Expired" in text
    assert "invitation is open" not in text
    assert f"{invitation.public_id}/revoke/" not in owner.get(path).content.decode()
    with nothing_changed():
        answer = owner.post(f"{path}{invitation.public_id}/revoke/", follow=True)
    assert b"This invitation has run out: invite again." in answer.content


# Domains -------------------------------------------------------------------------------------------


def test_a_domain_is_added_verified_and_removed(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Globex", "domains/")
    added = owner.post(f"{path}add/", {"domain": "Globex.example"})
    domain = OrganizationDomain.objects.get(domain="globex.example")
    one = f"{path}{domain.public_id}/"
    assert added.headers["Location"] == one
    text = text_of(owner, one)
    assert "globex.example Not verified" in text
    assert "_switera.globex.example" in text
    assert domain.txt_value in text

    owner.post(f"{one}auto-join/", {"on": "yes"})
    unknown = owner.post(one, {"method": "hearsay"})
    domain.refresh_from_db()
    assert (domain.auto_join, domain.verified_at, unknown.status_code) == (True, None, 400)
    verified = owner.post(one, {"method": "dns_txt"})
    domain.refresh_from_db()
    assert (verified.headers["Location"], domain.method) == (one, "dns_txt")
    assert domain.txt_value not in text_of(owner, one)
    removed = owner.post(f"{one}remove/")

    assert removed.headers["Location"] == path
    assert not OrganizationDomain.objects.filter(pk=domain.pk).exists()
    what = [f"organization.domain.{word}" for word in ("added", "updated", "verified", "removed")]
    assert (audited(), told()) == (what, [(what[2], "live"), (what[3], "live")])


def test_a_domain_that_is_none_or_is_verified_elsewhere_is_refused(demo: Demo, owner: Client) -> None:
    mine = make_domain(demo.organizations["Globex"], "acme.example")
    with nothing_changed():
        bad = owner.post(path_of(demo, "Globex", "domains/add/"), {"domain": "globex"})
        twice = owner.post(path_of(demo, "Globex", "domains/add/"), {"domain": "acme.example"})
        taken = owner.post(path_of(demo, "Globex", f"domains/{mine.public_id}/"), {"method": "manual"})

    assert b"Give a domain, such as globex.example." in bad.content
    assert b"acme.example is a domain of this organization already." in twice.content
    assert b"acme.example is verified for another organization: remove it there first." in taken.content
    assert {answer.status_code for answer in (bad, twice, taken)} == {400}
