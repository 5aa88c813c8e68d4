"""The section Organizations: the list, one of them, changing them, and who may look and who may change."""

import re

import pytest
from django.test import Client

from deliveries.endpoints import delete_endpoint
from events.models import Event
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.demo import Demo
from tests.factories import ACTOR, make_endpoint, make_event, make_organization
from tests.organizations import make_domain, make_invitation, make_member
from tests.pages.conftest import client_of
from tests.pages.organizations import audited, base_of, listed, nothing_changed, path_of, text_of, told
from tests.query_counts import assert_query_count
from webhooks.models import (
    Organization,
)

pytestmark = pytest.mark.django_db


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
