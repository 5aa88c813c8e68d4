"""Every component and behaviour of docs/pages.md, on the page of tests/gallery.py."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import assert_accessible, assert_fits
from tests.browser.conftest import OpenAs
from tests.demo import Demo

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(demo: Demo, open_as: OpenAs, gallery: str) -> Page:
    return open_as(demo.owner, gallery, timezone_id="Asia/Kolkata", permissions=["clipboard-read", "clipboard-write"])


def test_all_of_it_is_accessible_and_fits(page: Page) -> None:
    assert_accessible(page)
    assert_fits(page)
    assert_accessible(page)


def test_times_are_the_builders_own_and_exact_utc_shows_on_hover_and_focus(page: Page) -> None:
    expect(page.locator("#full")).to_have_text("1 Feb 2026, 05:00:05")
    expect(page.locator("#short")).to_have_text("1 Feb, 05:00")
    tooltip = page.get_by_role("tooltip")
    expect(tooltip).to_have_count(0)

    page.locator("#full time").hover()
    expect(tooltip).to_have_text("2026-01-31 23:30:05.123456 UTC")
    page.keyboard.press("Escape")
    expect(tooltip).to_have_count(0)
    page.locator("#short time").focus()
    expect(tooltip).to_be_visible()
    expect(page.locator("#short time")).to_have_accessible_description("2026-01-31 23:30:05.123456 UTC")
    page.keyboard.press("Tab")
    expect(page.locator("#link")).to_be_focused()
    expect(tooltip).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(tooltip).to_have_count(0)


def test_what_is_due_goes_out_now_and_a_time_to_come_counts_down(page: Page) -> None:
    expect(page.locator("#due")).to_have_text("now")
    relative = page.locator("#relative")
    expect(relative).to_have_text(re.compile(r"^in 3 min 5\d s$"))
    before = relative.inner_text()
    expect(relative).not_to_have_text(before)


def test_without_scripts_times_are_in_utc_and_nothing_offers_to_copy(demo: Demo, open_as: OpenAs, gallery: str) -> None:
    page = open_as(demo.owner, gallery, scripts=False)

    expect(page.locator("#full")).to_have_text("31 Jan 2026, 23:30:05 UTC")
    expect(page.get_by_role("button", name=re.compile("^Copy"))).to_have_count(0)


def test_an_id_and_a_block_of_code_copy_with_one_click(page: Page) -> None:
    page.get_by_role("button", name="Copy delivery id").click()
    expect(page.locator("#announcements")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "dlv_01m84w1vmver3skjvqwnncx601"

    page.get_by_role("button", name="Copy Request body").click()
    expect(page.locator(".copy.is-copied")).to_have_count(2)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[3] == '    "total": 129.00,'
    assert copied.splitlines()[6] == '    "note": "</code><script>"'


def test_code_folds(page: Page) -> None:
    body = page.get_by_role("region", name="Request body")
    expect(body).to_be_visible()
    page.locator("summary").filter(has_text="Request body").click()
    expect(body).to_be_hidden()


def test_what_changes_something_asks_first(demo: Demo, page: Page) -> None:
    page.get_by_role("button", name="Cancel", exact=True).first.click()
    dialog = page.get_by_role("dialog", name="Cancel this delivery?")
    expect(dialog).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Cancel", exact=True).first.click()
    dialog.get_by_role("button", name="Cancel", exact=True).click()
    expect(dialog).to_be_hidden()
    assert page.url.endswith("/gallery/")

    page.get_by_role("button", name="Cancel", exact=True).first.click()
    dialog.get_by_role("button", name="Cancel delivery").click()

    expect(page.get_by_role("status").filter(has_text="It is done.")).to_be_visible()
    assert page.url.endswith(demo.path)


def test_filters_apply_at_once_and_live_in_the_url(page: Page) -> None:
    page.get_by_label("Status").select_option("failed")
    expect(page).to_have_url(re.compile(r"/gallery/\?status=failed$"))
    page.get_by_label("Search").fill("dlv_1")
    page.get_by_label("Search").press("Enter")
    expect(page).to_have_url(re.compile(r"/gallery/\?status=failed&search=dlv_1$"))
    expect(page.get_by_label("Status")).to_have_value("failed")
    page.get_by_role("link", name="Clear", exact=True).click()
    expect(page).to_have_url(re.compile(r"/gallery/\?$"))


def test_pages_go_older_and_newer_and_keep_the_filters(page: Page) -> None:
    page.get_by_label("Status").select_option("failed")
    rows = page.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(rows).to_have_count(3)
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)
    first = rows.all_inner_texts()

    page.get_by_role("link", name="Older").click()

    expect(page).to_have_url(re.compile(r"\?status=failed&cursor=[\w-]+$"))
    assert rows.all_inner_texts() != first
    page.get_by_role("link", name="Newer").click()
    expect(rows).to_have_text([re.compile(re.escape(text.split()[0])) for text in first])
    page.goto(page.url.split("cursor=")[0] + "cursor=nonsense")
    expect(rows).to_have_count(3)


def test_a_live_part_comes_by_itself_and_stops_while_paused(page: Page) -> None:
    tail = page.locator("#tail")
    expect(tail).to_contain_text("came", timeout=10_000)

    with page.expect_request(re.compile("part=1")):
        pass
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2_500)  # longer than the pause between two
    assert asked == []

    with page.expect_request(re.compile("part=1")):
        page.get_by_role("button", name="Pause").click()


def test_what_is_refused_and_what_fails_are_told_where_the_builder_is(page: Page) -> None:
    page.get_by_role("button", name="Ask for what is refused").click()
    expect(
        page.get_by_role("alert").filter(has_text="This delivery is being sent: wait until it ends.")
    ).to_be_visible()
    page.get_by_role("button", name="Pause").click()

    page.get_by_role("button", name="Ask for what fails").click()

    expect(page.get_by_role("alert").filter(has_text="Something failed on our side")).to_be_visible()


def test_s36_a_change_by_htmx_carries_the_token_of_the_session(demo: Demo, page: Page) -> None:
    with page.expect_request(lambda request: request.method == "POST") as posted:
        page.get_by_role("button", name="Post").click()

    assert len(posted.value.headers["x-csrftoken"]) >= 32
    expect(page.get_by_role("status").filter(has_text="It is done.")).to_be_visible()


def test_a_session_that_ended_leads_to_the_sign_in_and_back(demo: Demo, page: Page) -> None:
    expect(page.locator("#tail")).to_contain_text("came", timeout=10_000)
    page.context.clear_cookies()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=10_000)
    assert page.url.endswith(f"?next={demo.path}gallery/")


def test_s35_pages_refuse_what_is_inline(page: Page) -> None:
    policy = page.request.get(page.url).headers["content-security-policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.evaluate("document.querySelectorAll('[style], style, script:not([src])').length") == 0
