"""The section Organizations as a Builder uses it, with scripts and without."""

import re

import pytest
from playwright.sync_api import Page, expect

from events.models import Event
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import Demo
from webhooks.models import Invitation, Organization, OrganizationDomain, OrganizationMember

pytestmark = pytest.mark.django_db(transaction=True)


def confirm(page: Page, action: str, *, scripts: bool) -> None:
    """Presses the button, and where scripts run the one of the question as well."""
    page.get_by_role("main").get_by_role("button", name=action).click()
    if scripts:
        page.get_by_role("dialog").get_by_role("button", name=action.split()[0]).click()


def section(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Organization").get_by_role("link", name=name).click()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_builder_adds_a_customer_with_a_member_an_invitation_and_a_domain(
    demo: Demo, open_as: OpenAs, scripts: bool
) -> None:
    page = open_as(demo.developer, demo.path, scripts=scripts)
    page.get_by_role("link", name="Organizations").click()
    expect(page.get_by_role("rowheader")).to_contain_text(["Initech", "Globex", "Acme"])

    page.get_by_role("link", name="Add organization").click()
    page.get_by_label("Name").fill("Umbrella")
    page.get_by_label("Slug").fill("Not A Slug")
    page.get_by_role("button", name="Add organization").click()
    expect(page.get_by_label("Slug")).to_have_accessible_description(re.compile("Use lower-case letters"))
    expect(page.get_by_label("Name")).to_have_value("Umbrella")
    page.get_by_label("Slug").fill("umbrella")
    page.get_by_role("button", name="Add organization").click()
    expect(page.get_by_text("Nobody belongs to it yet.")).to_be_visible()

    section(page, "Members")
    page.get_by_role("link", name="Add first member").click()
    page.get_by_label("User id").fill("usr_1")
    page.get_by_label("E-mail address").fill("alice@umbrella.example")
    page.get_by_role("button", name="Add member").click()
    page.get_by_role("link", name="Change alice@umbrella.example").click()
    page.get_by_label("Role").fill("admin")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("row", name="alice@umbrella.example")).to_contain_text("admin")

    section(page, "Invitations")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_label("E-mail address").fill("leon@umbrella.example")
    page.get_by_label("Can be accepted").select_option("within 30 days")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("row", name="leon@umbrella.example")).to_contain_text("Pending")
    confirm(page, "Revoke the invitation of leon@umbrella.example", scripts=scripts)
    expect(page.get_by_role("row", name="leon@umbrella.example")).to_contain_text("Revoked")

    section(page, "Domains")
    page.get_by_role("link", name="Add first domain").click()
    page.get_by_label("Domain", exact=True).fill("umbrella.example")
    page.get_by_label("Let people join by themselves").check()
    page.get_by_role("button", name="Add domain").click()
    expect(page.get_by_text("_switera.umbrella.example")).to_be_visible()
    page.get_by_role("button", name="Mark as verified").click()
    expect(page.get_by_text("by a TXT record in DNS")).to_be_visible()

    organization = Organization.objects.get(slug="umbrella")
    assert OrganizationMember.objects.get(organization=organization).role == "admin"
    assert Invitation.objects.get(organization=organization).state == "revoked"
    assert OrganizationDomain.objects.get(organization=organization).auto_join
    told = Event.objects.filter(organization=organization).order_by("pk").values_list("type", flat=True)
    assert [type.removeprefix("organization.") for type in told] == [
        "created",
        "member.added",
        "member.updated",
        "invitation.created",
        "invitation.revoked",
        "domain.verified",
    ]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_builder_removes_what_belongs_to_a_customer_and_then_the_customer(
    demo: Demo, open_as: OpenAs, scripts: bool
) -> None:
    globex = demo.organizations["Globex"]
    page = open_as(demo.owner, f"/apps/{demo.app.slug}/organizations/?q=glob", scripts=scripts)
    page.get_by_role("link", name="Globex").click()
    section(page, "Members")
    page.get_by_role("link", name="Change hank@globex.example").click()
    confirm(page, "Remove member", scripts=scripts)
    expect(page.get_by_text("No member yet")).to_be_visible()

    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Type Globex to confirm").fill("Glob")
    page.get_by_role("button", name="Delete the organization").click()
    expect(page.get_by_text("This is not the name")).to_be_visible()
    page.get_by_label("Type Globex to confirm").fill("Globex")
    page.get_by_role("button", name="Delete the organization").click()

    expect(page.get_by_role("rowheader")).to_contain_text(["Initech", "Acme"])
    assert not Organization.objects.filter(pk=globex.pk).exists()


def test_an_endpoint_is_added_for_a_customer_and_keeps_the_customer(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.developer, f"/apps/{demo.app.slug}/organizations/{demo.ids['Initech']}/")
    page.get_by_role("link", name="Add an endpoint for it").click()
    expect(page.get_by_role("combobox", name="Organization")).to_have_value(demo.ids["Initech"])

    acme = open_as(demo.developer, f"/apps/{demo.app.slug}/organizations/{demo.ids['Acme']}/delete/")
    expect(acme.get_by_text("Not yet: without it")).to_be_visible()
    acme.get_by_role("main").get_by_role("link", name="Analytics").click()
    expect(acme.get_by_role("link", name="Acme")).to_be_visible()


@pytest.mark.parametrize("user", ["owner", "viewer"])
def test_the_pages_of_a_customer_are_accessible_and_fit(demo: Demo, open_as: OpenAs, user: str) -> None:
    acme = demo.organizations["Acme"]
    domain = acme.domains.latest("pk").public_id
    base = f"/apps/{demo.app.slug}/organizations/{demo.ids['Acme']}/"
    sections = ["members/", "invitations/", "domains/", f"domains/{domain}/"]
    if user == "owner":
        member = acme.members.latest("pk").public_id
        sections += ["members/add/", f"members/{member}/", "invitations/add/", "domains/add/", "edit/", "delete/"]
    page = open_as(getattr(demo, user), base)
    for section in sections:
        page.goto(base + section)
        page.set_viewport_size({"width": 1400, "height": 900})
        assert_accessible(page)
        assert_fits(page)


def test_the_test_environment_says_that_customers_are_shared(demo: Demo, open_as: OpenAs) -> None:
    page = open_as(demo.viewer, f"/apps/{demo.app.slug}/organizations/{demo.ids['Acme']}/members/")
    page.get_by_role("navigation", name="Environment").get_by_role("link", name="Test").click()

    expect(page).to_have_url(re.compile(f"/test/organizations/{demo.ids['Acme']}/members/$"))
    expect(page.get_by_text("Organizations are the same in live and in test")).to_be_visible()
    assert_accessible(page)
