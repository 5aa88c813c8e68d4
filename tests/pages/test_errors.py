"""Errors as people see them: our look, a sentence, a way on; without the database where that may have failed."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.demo import PASSWORD, Demo

GALLERY = "/apps/northwind-orders/webhooks/gallery/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def gallery(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.gallery"


def test_a_path_that_is_no_page_is_told_without_the_database(client: Client) -> None:
    answer = client.get("/nowhere/")

    assert answer.status_code == 404
    assert b"<h1>Nothing is here</h1>" in answer.content
    assert b'href="/"' in answer.content


@pytest.mark.usefixtures("gallery")
def test_a_defect_is_told_in_the_chosen_theme_without_the_database() -> None:
    """The test has no database: a query would fail it."""
    client = Client(raise_request_exception=False)
    client.cookies["theme"] = "dark"

    answer = client.get("/broken/")

    assert answer.status_code == 500
    assert b"<h1>Something failed on our side</h1>" in answer.content
    assert b'data-theme="dark"' in answer.content
    assert b"a defect" not in answer.content


def test_a_host_that_is_not_ours_is_told() -> None:
    answer = Client().get("/nowhere/", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert b"<h1>That request cannot be served</h1>" in answer.content


@pytest.mark.django_db
def test_s36_a_form_without_its_token_changes_nothing(demo: Demo) -> None:
    client = Client(enforce_csrf_checks=True)

    answer = client.post("/accounts/login/", {"username": "ada", "password": PASSWORD})

    assert answer.status_code == 403
    assert b"Nothing was changed, because the form did not carry the token" in answer.content
    assert client.get("/").status_code == 302


@pytest.mark.django_db
@pytest.mark.usefixtures("gallery")
def test_a_refusal_is_told_in_its_own_sentence(demo: Demo, owner: Client) -> None:
    conflict = owner.get(f"{GALLERY}?refuse=conflict")
    limit = owner.get(f"{GALLERY}?refuse=limit")
    part = owner.get(f"{GALLERY}?refuse=limit", headers=HTMX)

    assert (conflict.status_code, limit.status_code, part.status_code) == (409, 429, 429)
    assert b"This delivery is being sent: wait until it ends." in conflict.content
    assert (limit.headers["Retry-After"], part.headers["Retry-After"]) == ("60", "60")
    assert (part.headers["HX-Retarget"], part.headers["HX-Reswap"]) == ("#notices", "beforeend")
    assert part.content.count(b"wait a moment") == 1
    assert b"<html" not in part.content


@pytest.mark.django_db
@pytest.mark.usefixtures("gallery")
def test_on_from_a_change_is_a_redirect_for_a_browser_and_for_htmx(demo: Demo, owner: Client) -> None:
    whole = owner.post(GALLERY)
    part = owner.post(GALLERY, headers=HTMX)

    assert (whole.status_code, whole.headers["Location"]) == (302, demo.path)
    assert (part.status_code, part.headers["HX-Redirect"]) == (200, demo.path)
