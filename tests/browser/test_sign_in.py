"""Signing in, the list of a Builder's apps, signing out; with every theme and width looked at."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from webhooks.app_setup import add_member, create_app
from webhooks.audit import SYSTEM
from webhooks.models import Role

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(page: Page, server: LiveServer, password: str = "right password") -> None:
    page.goto(f"{server.url}/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "ada@example.com", "right password")


def test_a_builder_signs_in_and_sees_only_their_own_apps(page: Page, live_server: LiveServer, ada: User) -> None:
    mine = create_app("Shop", owner=ada, actor=SYSTEM).app
    shared = create_app("Club", actor=SYSTEM).app
    add_member(shared, ada, Role.VIEWER, SYSTEM)
    create_app("Not mine", actor=SYSTEM)

    sign_in(page, live_server)

    expect(page.get_by_role("heading", name="Your apps")).to_be_visible()
    rows = page.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(rows).to_have_text([f"Club {shared.public_id} Viewer", f"Shop {mine.public_id} Owner"])


def test_a_wrong_password_is_told_and_the_username_stays(page: Page, live_server: LiveServer, ada: User) -> None:
    sign_in(page, live_server, password="wrong password")

    expect(page.get_by_role("alert")).to_contain_text("Not signed in.")
    expect(page.get_by_label("Username")).to_have_value("ada")


def test_a_builder_without_an_app_is_told_how_to_get_one_and_signs_out(
    page: Page, live_server: LiveServer, ada: User
) -> None:
    sign_in(page, live_server)

    expect(page.get_by_text("No app yet.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_pages_fit_a_narrow_screen_in_both_themes(page: Page, live_server: LiveServer, ada: User) -> None:
    create_app("A shop with quite a long name that has to wrap somewhere", owner=ada, actor=SYSTEM)
    page.set_viewport_size({"width": 375, "height": 700})
    sign_in(page, live_server)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.get_by_role("heading", name="Your apps")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_the_api_documentation_renders_under_the_content_security_policy(page: Page, live_server: LiveServer) -> None:
    """S35: no inline script or style is needed; the page fixture fails on anything blocked."""
    page.goto(f"{live_server.url}/api/docs/")

    expect(page.get_by_text("Emit an event", exact=True)).to_be_visible()
