"""The section Organizations: the list, one of them, and its members, invitations and domains."""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.endpoints import delete_endpoint
from events.models import Event
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.demo import Demo
from tests.factories import ACTOR, make_endpoint, make_event, make_organization
from tests.organizations import make_domain, make_invitation, make_member, run_out
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.models import (
    AuditEntry,
    Invitation,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)

pytestmark = pytest.mark.django_db


def base_of(demo: Demo, environment: str = "live") -> str:
    return f"/apps/{demo.app.slug}/{'' if environment == 'live' else 'test/'}organizations/"


def path_of(demo: Demo, name: str, section: str = "") -> str:
    return f"{base_of(demo)}{demo.ids[name]}/{section}"


def text_of(client: Client, path: str) -> str:
    """What stands on the page, without its tags."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    html = re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def listed(client: Client, path: str) -> list[str]:
    """The names in the first column."""
    rows = re.findall(r'<th scope="row".*?</th>', client.get(path).content.decode(), flags=re.DOTALL)
    return [re.sub(r"<[^>]*>", " ", row).split()[0] for row in rows]


def rows() -> list[list[Any]]:
    models = (AuditEntry, Event, Invitation, Organization, OrganizationDomain, OrganizationMember)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@contextmanager
def nothing_changed() -> Iterator[None]:
    before = rows()
    yield
    assert rows() == before


def told() -> list[tuple[str, str]]:
    """Type and environment of the events that the pages caused, in order."""
    events = Event.objects.filter(type__startswith="organization.")
    return list(events.order_by("pk").values_list("type", "environment"))


def audited() -> list[str]:
    entries = AuditEntry.objects.filter(action__startswith="organization.", actor_type="builder", ip="192.0.2.7")
    return list(entries.order_by("pk").values_list("action", flat=True))


# The list ------------------------------------------------------------------------------------------


def test_the_list_tells_of_each_what_it_has_in_this_environment(demo: Demo, owner: Client) -> None:
    live, test = text_of(owner, base_of(demo)), text_of(owner, base_of(demo, "test"))

    last = Event.objects.filter(organization=demo.organizations["Acme"], test=False).latest("pk").created_at
    assert re.search(rf"Acme acme Active 3 1 {last.day} {last:%b %Y, %H:%M:%S} UTC", live)
    assert "Globex globex Suspended 1 0 \N{EN DASH} none" in live
    assert "Initech initech Active 0 0 \N{EN DASH} none" in live
    assert "Acme acme Active 3 0 \N{EN DASH} none" in test
    # S34: of this app alone.
    assert "Hooli" not in live + test
    assert "Organizations are the same in live and in test" in test
    assert "Organizations are the same in live and in test" not in live


def test_the_list_is_searched_and_narrowed(demo: Demo, owner: Client) -> None:
    def found(query: str) -> list[str]:
        return listed(owner, f"{base_of(demo)}?{query}")

    assert found("") == ["Initech", "Globex", "Acme"]
    assert found("q=ITECH") == ["Initech"]
    assert found(f"q={demo.ids['Globex']}") == ["Globex"]
    assert found(f"q={demo.ids['Hooli']}") == []
    assert found("state=suspended") == ["Globex"]
    assert found("state=suspended&q=acme") == []
    assert found("q=%00&state=nonsense") == ["Initech", "Globex", "Acme"]
    assert "No organization matches" in text_of(owner, f"{base_of(demo)}?q=nobody")


def test_an_app_without_organizations_says_what_they_are_for(demo: Demo, owner: Client) -> None:
    text = text_of(owner, f"/apps/{demo.other_app.slug}/organizations/")

    assert "No organization yet" in text
    assert "Add first organization" in text


# One of them ---------------------------------------------------------------------------------------


def test_one_shows_the_verdict_its_endpoints_and_its_last_events(demo: Demo, owner: Client) -> None:
    text = text_of(owner, path_of(demo, "Acme"))
    html = owner.get(path_of(demo, "Acme")).content.decode()

    assert "It has 3 members, and one invitation is open. One endpoint receives its events alone." in text
    assert f'href="{demo.path}endpoints/{demo.ids["Analytics"]}/"' in html
    assert f'href="{demo.path}endpoints/add/?organization={demo.ids["Acme"]}"' in html
    assert f'href="{demo.path}deliveries/?organization={demo.ids["Acme"]}"' in html
    events = Event.objects.filter(organization=demo.organizations["Acme"], test=False).order_by("-pk")[:10]
    assert re.findall(r"\?q=(evt_\w+)", html) == [event.public_id for event in events]
    empty = text_of(owner, path_of(demo, "Initech"))
    assert "Nobody belongs to it yet. No endpoint is its own" in empty
    assert f'"organization_id": "{demo.ids["Initech"]}"' in empty.replace("&quot;", '"')


def test_the_switch_stays_on_the_organization(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Acme", "members/")
    assert f'href="{path.replace("/organizations/", "/test/organizations/")}"' in owner.get(path).content.decode()


def test_an_endpoint_is_added_for_it(demo: Demo, owner: Client) -> None:
    html = owner.get(f"{demo.path}endpoints/add/?organization={demo.ids['Globex']}").content.decode()
    assert f'<option value="{demo.ids["Globex"]}" selected>Globex</option>' in html

    theirs = owner.get(f"{demo.path}endpoints/add/?organization={demo.ids['Hooli']}").content.decode()
    assert "Hooli" not in theirs
    endpoint = owner.get(f"{demo.path}endpoints/{demo.ids['Analytics']}/").content.decode()
    assert f'<a href="{path_of(demo, "Acme")}">Acme</a>' in endpoint


@pytest.mark.parametrize("section", ["", "edit/", "delete/", "members/", "members/add/", "invitations/", "domains/"])
def test_s33_one_of_another_app_answers_like_one_that_is_not_there(demo: Demo, owner: Client, section: str) -> None:
    ids = [demo.ids["Hooli"], to_public_id(Prefix.ORGANIZATION, new_id()), demo.ids["Billing"], "org_", "%00"]

    answers = [owner.get(f"{base_of(demo)}{public_id}/{section}") for public_id in ids]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_s33_a_part_of_another_organization_is_not_there(demo: Demo, owner: Client) -> None:
    globex = demo.organizations["Globex"]
    member, invitation, domain = make_member(globex), make_invitation(globex), make_domain(globex)
    acme = path_of(demo, "Acme")
    paths = [
        f"{acme}members/{member.public_id}/",
        f"{acme}members/{member.public_id}/remove/",
        f"{acme}invitations/{invitation.public_id}/revoke/",
        f"{acme}domains/{domain.public_id}/",
        f"{acme}domains/{domain.public_id}/auto-join/",
        f"{acme}domains/{domain.public_id}/remove/",
    ]

    with nothing_changed():
        for path in paths:
            assert (owner.get(path).status_code, owner.post(path).status_code) == (404, 404)


# Changing them -------------------------------------------------------------------------------------


def test_one_is_added_edited_and_deleted(demo: Demo, owner: Client) -> None:
    """S46: on record with the Builder and the address."""
    added = owner.post(f"{base_of(demo)}add/", {"name": "Umbrella", "slug": ""})
    organization = Organization.objects.get(name="Umbrella")
    path = f"{base_of(demo)}{organization.public_id}/"
    assert (added.status_code, added.headers["Location"]) == (302, path)
    assert (organization.slug, organization.state, organization.app) == ("umbrella", "active", demo.app)

    edited = owner.post(f"{path}edit/", {"name": "Umbrella", "slug": "umbrella", "state": "suspended"})
    organization.refresh_from_db()
    assert (edited.headers["Location"], organization.state) == (path, "suspended")
    wrong = owner.post(f"{path}delete/", {"confirm": "umbrella"})
    assert (wrong.status_code, Organization.objects.filter(pk=organization.pk).exists()) == (400, True)
    deleted = owner.post(f"{path}delete/", {"confirm": "Umbrella"})

    assert deleted.headers["Location"] == base_of(demo)
    assert not Organization.objects.filter(pk=organization.pk).exists()
    actions = ["organization.created", "organization.updated", "organization.deleted"]
    assert (audited(), told()) == (actions, [(action, "live") for action in actions])


def test_what_a_page_of_the_test_environment_changes_is_told_there(demo: Demo, owner: Client) -> None:
    owner.post(f"{base_of(demo, 'test')}add/", {"name": "Umbrella"})

    assert told() == [("organization.created", "test")]


def test_every_mistake_is_told_at_its_field_and_nothing_typed_is_lost(demo: Demo, owner: Client) -> None:
    with nothing_changed():
        bad = owner.post(f"{base_of(demo)}add/", {"name": "", "slug": "No Slug"})
        taken = owner.post(f"{base_of(demo)}add/", {"name": "Acme again", "slug": "acme"})
        edited = owner.post(path_of(demo, "Globex", "edit/"), {"name": "Globex", "slug": "acme", "state": "active"})

    html = bad.content.decode()
    assert (bad.status_code, html.count('class="errorlist"')) == (400, 2)
    assert 'value="No Slug"' in html
    assert (taken.status_code, edited.status_code) == (400, 400)
    assert b"Taken." in taken.content
    assert b'value="Acme again"' in taken.content


def test_one_with_endpoints_names_them_and_stays(demo: Demo, owner: Client) -> None:
    acme = demo.organizations["Acme"]
    staged = make_endpoint(demo.app, environment="test", organization=acme, name="Staged")
    path = path_of(demo, "Acme", "delete/")

    text, html = text_of(owner, path), owner.get(path).content.decode()
    assert "Not yet: without it, an endpoint of its own would get every customer's events." in text.replace(
        "&#x27;", "'"
    )
    assert "Type Acme to confirm" not in text
    assert f'<a href="{demo.path}endpoints/{demo.ids["Analytics"]}/">Analytics</a>' in html
    assert f'<a href="{demo.test_path}endpoints/{staged.public_id}/">Staged (test)</a>' in html
    with nothing_changed():
        answer = owner.post(path, {"confirm": "Acme"})
    assert answer.status_code == 400
    assert b"receive only its events: Analytics and 1 in the test environment." in answer.content
    for endpoint in (staged, demo.endpoints["Analytics"]):
        delete_endpoint(endpoint, ACTOR)
    assert "Type Acme to confirm" in text_of(owner, path)


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


# Viewers, names, queries ---------------------------------------------------------------------------


def test_s37_a_viewer_looks_and_changes_nothing(demo: Demo, viewer: Client) -> None:
    acme = demo.organizations["Acme"]
    member, invitation = acme.members.latest("pk"), acme.invitations.get(state="pending")
    domain = acme.domains.latest("pk")
    looked_at = ["", "members/", "invitations/", "domains/", f"domains/{domain.public_id}/"]
    for section in looked_at:
        html = viewer.get(path_of(demo, "Acme", section)).content.decode()
        main = html.partition("<main")[2].partition("</main>")[0]
        assert "<form" not in main, section
        assert 'class="button main"' not in main, section
        assert "Edit" not in main, section
    assert 'class="button main"' not in viewer.get(base_of(demo)).content.decode().partition("<main")[2]
    refused = [
        f"{base_of(demo)}add/",
        *(
            path_of(demo, "Acme", section)
            for section in (
                "edit/",
                "delete/",
                "members/add/",
                f"members/{member.public_id}/",
                f"members/{member.public_id}/remove/",
                "invitations/add/",
                f"invitations/{invitation.public_id}/revoke/",
                "domains/add/",
                f"domains/{domain.public_id}/auto-join/",
                f"domains/{domain.public_id}/remove/",
            )
        ),
    ]
    with nothing_changed():
        for path in refused:
            assert (viewer.get(path).status_code, viewer.post(path).status_code) == (403, 403), path
        assert (
            viewer.post(path_of(demo, "Acme", f"domains/{domain.public_id}/"), {"method": "manual"}).status_code == 403
        )


def test_s35_names_are_shown_as_text(demo: Demo, owner: Client) -> None:
    organization = demo.organizations["Acme"]
    Organization.objects.filter(pk=organization.pk).update(name="<b>Acme</b>")
    organization.members.update(email="<b>x</b>", role="<b>y</b>")
    organization.invitations.update(role="<b>z</b>")
    sections = ["", "members/", "invitations/", "domains/", "edit/", "delete/"]

    for path in (base_of(demo), *(path_of(demo, "Acme", section) for section in sections)):
        html = owner.get(path).content.decode()
        assert "&lt;b&gt;Acme&lt;/b&gt;" in html
        assert "<b>" not in html


def test_queries_do_not_grow_with_rows(demo: Demo) -> None:
    client = client_of(demo.owner)

    def add_organizations() -> None:
        for number in range(5):
            organization = make_organization(demo.app, f"Customer{number}")
            make_member(organization)
            make_event(demo.app, "customer.updated", organization_id=organization.pk)
            make_endpoint(demo.app, organization=organization)

    def add_to_acme() -> None:
        acme = demo.organizations["Acme"]
        for number in range(5):
            make_member(acme, f"usr_new_{number}")
            make_invitation(acme, f"new{number}@acme.example")
            make_domain(acme, f"new{number}.example")
            make_event(demo.app, "customer.updated", organization_id=acme.pk)
            make_endpoint(demo.app, organization=acme)

    assert_query_count("organizations, with members", client, base_of(demo), add_organizations)
    for section in ("members", "invitations", "domains"):
        assert_query_count(f"organization {section}", client, path_of(demo, "Acme", f"{section}/"))
    assert_query_count("organization", client, path_of(demo, "Acme"), add_to_acme)
    for section in ("members", "invitations", "domains"):
        assert_query_count(f"organization {section}", client, path_of(demo, "Acme", f"{section}/"))
