"""App Settings in Chromium: a new name, and the end of an app."""

import re

import pytest
from playwright.sync_api import expect

from deliveries.models import AppDeletion
from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import Demo
from webhooks.models import Membership

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("scripts", [True, False])
def test_an_owner_renames_an_app_and_then_deletes_it(demo: Demo, open_as: OpenAs, scripts: bool) -> None:
    page = open_as(demo.owner, demo.path, scripts=scripts)
    page.get_by_role("link", name="App Settings", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("App Settings")
    page.get_by_label("Slug").fill("Not A Slug")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Use lower-case letters, digits, - and _.")).to_be_visible()
    expect(page.get_by_label("Slug")).to_have_value("Not A Slug")
    if scripts:
        assert_accessible(page)

    page.get_by_label("Name").fill("Southwind")
    page.get_by_label("Slug").fill("southwind")
    page.get_by_role("button", name="Save changes").click()
    expect(page).to_have_url(re.compile("/apps/southwind/settings/$"))
    expect(page.get_by_text("Saved.")).to_be_visible()
    if scripts:
        assert_accessible(page)
        assert_fits(page, 375)

    page.get_by_role("link", name="Delete this app").click()
    expect(page.get_by_role("heading", name="Delete Southwind?")).to_be_visible()
    if scripts:
        assert_accessible(page)
        assert_fits(page, 375)
    page.get_by_label("Type Southwind to confirm").fill("southwind")
    page.get_by_role("button", name="Delete the app").click()
    expect(page.get_by_text("This is not the name")).to_be_visible()
    page.get_by_label("Type Southwind to confirm").fill("Southwind")
    page.get_by_role("button", name="Delete the app").click()

    expect(page).to_have_url(re.compile("/$"))
    expect(
        page.get_by_text("Being deleted: its rows follow once subscribed endpoints, if any, are told.")
    ).to_be_visible()
    expect(page.get_by_role("link", name="Southwind")).to_have_count(0)
    if scripts:
        assert_accessible(page)
        assert_fits(page, 375)
        AppDeletion.objects.update(rows=1_200, deleted=40)
        expect(page.get_by_text("Being deleted: 40 of 1,200 events and deliveries.")).to_be_visible()
        Membership.objects.filter(app=demo.app).delete()  # with the app, last of all
        expect(page.get_by_role("row", name="Southwind")).to_have_count(0)
        expect(page.locator("[data-live]")).to_have_count(0)
