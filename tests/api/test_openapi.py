"""The OpenAPI document is a snapshot that a change has to renew; its page holds to our Content-Security-Policy."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from switera_webhooks.middleware import CONTENT_SECURITY_POLICY
from tests.api.test_tenancy import EVERY

SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Made anew; a warning of drf-spectacular's fails."""
    path = tmp_path_factory.mktemp("openapi") / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))
    made: dict[str, Any] = yaml.safe_load(path.read_text())
    return made


def test_the_document_is_the_snapshot(document: dict[str, Any]) -> None:
    assert document == yaml.safe_load(SNAPSHOT.read_text()), (
        "The API has changed: run `python manage.py spectacular --file docs/openapi.yaml`, and look at the difference."
    )


def test_it_names_every_operation_its_errors_and_the_key(document: dict[str, Any]) -> None:
    operations = [
        operation
        for path, methods in document["paths"].items()
        if path.startswith("/api/v1/apps/{app}/")
        for operation in methods.values()
    ]

    assert len(operations) == len(EVERY)
    for operation in operations:
        assert operation["security"] == [{"apiKey": []}]
        assert {"401", "404"} <= set(operation["responses"])
        assert all(answer["description"] for answer in operation["responses"].values())
        assert all(operation[word] for word in ("summary", "description", "operationId", "tags"))
        for status, answer in operation["responses"].items():
            if status >= "400":
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Error"}
    scheme = document["components"]["securitySchemes"]["apiKey"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html,*/*;q=0.8"])
def test_the_document_is_served_to_everybody(document: dict[str, Any], accept: str) -> None:
    answer = Client().get("/api/schema/", headers={"Accept": accept})

    assert answer.status_code == 200
    assert yaml.safe_load(answer.content) == document


def test_the_page_for_people_has_no_inline_script_or_style() -> None:
    """S35."""
    answer = Client().get("/api/docs/")

    html = answer.content.decode()
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "<style" not in html
    assert "style=" not in html
    assert html.count("<script") == html.count("<script src=") == 3
    assert "http://" not in html
    assert "https://" not in html


@pytest.mark.django_db
def test_all_that_the_page_loads_is_there() -> None:
    client = Client()
    html = client.get("/api/docs/").content.decode()
    paths = [
        part.split('"')[0]
        for word in ('src="', 'rel="stylesheet" href="', 'rel="icon" href="')
        for part in html.split(word)[1:]
    ]

    assert len(paths) == 6
    for path in paths:
        answer = client.get(path)
        answer.close()
        assert answer.status_code == 200, path
    assert "/api/schema/" in client.get("/api/docs/?script=").content.decode()


@pytest.mark.parametrize("path", ["/api/docs", "/api/schema"])
def test_without_its_slash_it_is_redirected(path: str) -> None:
    assert Client().get(path).headers["Location"] == f"{path}/"


@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/"])
def test_their_errors_are_json_as_everywhere(path: str) -> None:
    answer = Client().post(path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/json")
    body = answer.json()
    assert set(body) == {"code", "message", "details"}
    assert (body["code"], body["details"]) == ("method_not_allowed", {})
