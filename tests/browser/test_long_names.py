"""Names as long as they may be, without a space, break no page and hide no column."""

import pytest
from playwright.sync_api import Page

from tests.browser.chromium import NARROW, WIDE
from tests.browser.conftest import OpenAs
from tests.demo import Demo
from webhooks.models import Endpoint, Organization

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "N" * 128


def cut_tables(page: Page) -> list[str]:
    """The captions of tables that are wider than the panel that shows them and cannot be scrolled to."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("main table")].filter((table) => {
          const panel = table.closest(".panel");
          return panel && getComputedStyle(panel).overflowX === "hidden" && panel.scrollWidth > panel.clientWidth;
        }).map((table) => table.caption?.textContent ?? "")"""
    )
    return found


def test_a_long_name_wraps_on_every_page_that_shows_it(demo: Demo, open_as: OpenAs) -> None:
    Endpoint.objects.filter(pk=demo.endpoints["Old portal"].pk).update(name=LONG)
    Organization.objects.filter(pk=demo.organizations["Acme"].pk).update(name=LONG)
    endpoint = f"{demo.path}endpoints/{demo.ids['Old portal']}/"
    organizations = f"/apps/{demo.app.slug}/organizations/"
    page = open_as(demo.owner, demo.path)
    for path in (
        demo.path,
        f"{demo.path}endpoints/",
        endpoint,
        f"{endpoint}settings/",
        f"{endpoint}delete/",
        f"{demo.path}deliveries/",
        f"{demo.path}deliveries/{demo.ids['failed']}/",
        f"{demo.path}test-send/",
        organizations,
        f"{organizations}{demo.organizations['Acme'].public_id}/",
    ):
        page.goto(path)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 700})
            found = page.evaluate("document.documentElement.scrollWidth")
            assert (path, found, cut_tables(page)) == (path, width, [])
