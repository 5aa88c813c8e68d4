"""Pages in Debian's Chromium, headless, served on loopback."""

import os
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.chromium import launch, sign_in_context
from tests.demo import Demo, build_demo

# Playwright keeps an event loop in this thread; the database calls of a test are its own, and not asynchronous.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# Two cores hold browser, web server, and the other half of the suite: what a test waits for may be late, but comes.
expect.set_options(timeout=20_000)

OpenAs = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`new_page(scripts=True, **context)` opens a page of a browser without history.

    Anything in its console, blocked by the Content-Security-Policy included, fails the test.
    """
    problems: list[str] = []
    contexts = []

    def open_page(*, scripts: bool = True, **options: object) -> Page:
        context = browser.new_context(java_script_enabled=scripts, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Chromium and htmx write a line for every answer of 4xx or 5xx; a test of such an answer asserts on it itself.
    answers = ("the server responded with a status of", "Response Status Error Code")
    unexpected = [problem for problem in problems if not any(answer in problem for answer in answers)]
    assert unexpected == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page of a browser that is not signed in."""
    return new_page()


@pytest.fixture
def demo(transactional_db: None) -> Demo:
    """The app of tests/demo.py with two hours of history."""
    return build_demo(hours=2)


@pytest.fixture
def gallery(settings: Settings, demo: Demo) -> str:
    """The path of the page with every component (tests/gallery.py)."""
    settings.ROOT_URLCONF = "tests.gallery"
    return f"{demo.path}gallery/"


@pytest.fixture
def open_as(new_page: Callable[..., Page], live_server: LiveServer) -> OpenAs:
    """`open_as(user, path, scripts=True, **context)`: the page at `path`, seen by this user, signed in already."""

    def open_page(user: User, path: str, *, scripts: bool = True, **options: object) -> Page:
        page = new_page(scripts=scripts, base_url=live_server.url, **options)
        sign_in_context(page.context, user, live_server.url)
        page.goto(path)
        return page

    return open_page
