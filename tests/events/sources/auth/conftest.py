"""An app whose end users are this project's own, and one of them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from events.event_types import sync_event_catalog
from events.models import Event
from tests.demo import PASSWORD
from tests.factories import make_app
from webhooks.models import App

LOGIN = "/accounts/login/"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


@pytest.fixture
def app(settings: Settings) -> App:
    """The app of this project's users."""
    sync_event_catalog()
    app = make_app("Portal").app
    settings.WEBHOOKS_AUTH_APP = app.slug
    return app


@pytest.fixture
def ada(app: App, settings: Settings) -> User:
    """A user from before anything was told."""
    settings.WEBHOOKS_AUTH_APP = ""
    user = User.objects.create_user("ada", "ada@globex.example", PASSWORD, first_name="Ada", last_name="Lovelace")
    settings.WEBHOOKS_AUTH_APP = app.slug
    return user


def told() -> list[tuple[str, Any]]:
    return [(event.type, event.data) for event in Event.objects.order_by("id")]


def types() -> list[str]:
    return [type for type, _ in told()]


def sign_in(username: str = "ada", password: str = PASSWORD, client: Client | None = None) -> Client:
    client = client or Client(REMOTE_ADDR="192.0.2.7", headers={"User-Agent": AGENT})
    client.post(LOGIN, {"username": username, "password": password})
    return client
