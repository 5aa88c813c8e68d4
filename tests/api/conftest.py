"""The REST API as a client with a key sees it: no cookies, and CSRF checks as they are in production."""

import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.event_types import sync_event_catalog
from tests.factories import make_app
from webhooks.app_setup import CreatedApp
from webhooks.models import App

NONE: Mapping[str, str] = {}


class Answer(Protocol):
    """What the test client gives back."""

    status_code: int
    headers: Any
    content: bytes
    cookies: Any

    def json(self) -> Any: ...


class Api:
    """Requests below `/api/v1/apps/{app}/` with one key."""

    def __init__(self, app: App, key: str) -> None:
        self.base = f"/api/v1/apps/{app.public_id}/"
        self.key = key
        self.client = Client(enforce_csrf_checks=True)

    def request(self, method: str, path: str, body: object = None, headers: Mapping[str, str] = NONE) -> Answer:
        """`body` is sent as JSON; bytes are sent as they are."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer: Answer = self.client.generic(
            method,
            self.base + path,
            content,
            content_type="application/json" if content else "",
            headers={"Authorization": f"Bearer {self.key}", **headers},
        )
        return answer

    def get(self, path: str, **query: object) -> Answer:
        return self.request("GET", path + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, body: object = None, headers: Mapping[str, str] = NONE) -> Answer:
        return self.request("POST", path, body, headers)

    def patch(self, path: str, body: object) -> Answer:
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)


def refusal(answer: Answer) -> tuple[int, str, dict[str, Any]]:
    """Status, code and details of an error in the one shape."""
    body = answer.json()
    assert set(body) == {"code", "message", "details"}
    assert body["message"].endswith(".")
    return answer.status_code, body["code"], body["details"]


def statements(queries: CaptureQueriesContext) -> list[str]:
    """The first words of the statements, but for the transaction's own."""
    words = [query["sql"].split(maxsplit=1)[0].upper() for query in queries]
    return [word for word in words if word not in {"BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"}]


@pytest.fixture
def shop(db: None) -> CreatedApp:
    """The app whose keys `live_api` and `test_api` use."""
    return make_app("Shop")


@pytest.fixture
def live_api(shop: CreatedApp) -> Api:
    return Api(shop.app, shop.live_key)


@pytest.fixture
def test_api(shop: CreatedApp) -> Api:
    return Api(shop.app, shop.test_key)


@pytest.fixture
def rival(db: None) -> CreatedApp:
    """Another app."""
    return make_app("Rival")


@pytest.fixture
def rival_api(rival: CreatedApp) -> Api:
    return Api(rival.app, rival.live_key)


@pytest.fixture
def catalog(db: None) -> None:
    """The built-in event types are there."""
    sync_event_catalog()
