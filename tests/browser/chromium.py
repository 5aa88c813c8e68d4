"""Debian's Chromium, and what is asked of every page in it."""

import shutil
from typing import Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.javascript import installed_modules

NARROW = 375
WIDE = 1400
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
_AXE = """async (preload) => {
  const { violations } = await axe.run(document, {
    preload,
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  });
  return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => node.html).join(" | ")}`);
}"""


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium"),
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
        ],
    )


def sign_in_context(context: BrowserContext, user: User, url: str) -> None:
    """Give the browser the user's session, without going through the sign-in page."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": url}])


def assert_accessible(page: Page, *, preload: bool = True) -> None:
    """axe-core finds nothing in either theme: WCAG 2.2 AA, and its best practices.

    `preload=False` where a style sheet has an `@import` (Django's forms.css): axe reads that by a <style> of its own,
    which the Content-Security-Policy blocks. The rule about turned screens, which alone needs it, is left out then.
    """
    page.wait_for_load_state()
    modules = installed_modules()
    script = (modules / "axe-core" / "axe.min.js").read_text()
    page.evaluate(f"() => {{ {script} }}")
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        violations = page.evaluate(_AXE, preload)
        assert violations == [], "\n".join([f"in the {theme} theme:", *violations])


def assert_fits(page: Page, width: int = NARROW) -> None:
    """Nothing of the page is wider than a screen of `width` pixels."""
    page.wait_for_load_state()
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
