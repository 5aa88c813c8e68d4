"""emit_event, sync_event_catalog, and the catalog as a document."""

import json
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.models import Event, EventType
from tests.factories import make_app, make_event_type
from webhooks.models import App

pytestmark = pytest.mark.django_db
DATA = {"order_id": "1042", "note": "Grüße"}


@pytest.fixture
def shop() -> App:
    app = make_app().app
    make_event_type(app)
    return app


def _emit(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("emit_event", *arguments, "--json", stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_an_event_is_printed_as_rest_shows_it(shop: App) -> None:
    document = _emit("shop", "order.paid", "--data", json.dumps(DATA))
    event = Event.objects.get()
    assert document == {
        "id": event.public_id,
        "type": "order.paid",
        "data": DATA,
        "timestamp": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "environment": "live",
        "organization_id": None,
        "test": False,
        "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
    }


def test_the_environment_can_be_test(shop: App) -> None:
    assert _emit(shop.public_id, "order.paid", "--environment", "test")["environment"] == "test"


def test_without_data_it_is_an_empty_object(shop: App) -> None:
    assert _emit("shop", "order.paid")["data"] == {}


def test_data_can_come_from_a_file(shop: App, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(DATA))
    assert _emit("shop", "order.paid", "--data", f"@{tmp_path / 'data.json'}")["data"] == DATA


def test_data_can_come_from_standard_input(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(json.dumps(DATA).encode())))
    assert _emit("shop", "order.paid", "--data", "-")["data"] == DATA


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none", "order.paid"], "There is no app with the id or slug 'none'."),
        (["shop", "order.unknown"], "'order.unknown' is not in the event catalog: define it first."),
        (["shop", "app.created"], "Built-in event types are emitted by the product itself: use a type of your own."),
        (["shop", "order.paid", "--data", "{"], "--data is not valid JSON: "),
        (["shop", "order.paid", "--data", '{"a": NaN}'], "--data is not valid JSON: "),
        (["shop", "order.paid", "--data", "[1]"], "--data must be a JSON object"),
        (["shop", "order.paid", "--data", "@/nonexistent"], "The file /nonexistent cannot be read"),
        (["shop", "order.paid", "--data", json.dumps({"a": "x" * 300_000})], "The payload is over 262,144 bytes"),
    ],
)
def test_a_mistake_is_one_sentence_and_emits_nothing(shop: App, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError) as raised:
        call_command("emit_event", *arguments)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)
    assert Event.objects.count() == 0


def test_the_catalog_is_written_once() -> None:
    def sync() -> dict[str, int]:
        out = StringIO()
        call_command("sync_event_catalog", "--json", stdout=out)
        counts: dict[str, int] = json.loads(out.getvalue())
        return counts

    EventType.objects.all().delete()
    first = sync()
    assert first == {"created": EventType.objects.count(), "updated": 0, "deprecated": 0}
    assert first["created"] == 45
    assert sync() == {"created": 0, "updated": 0, "deprecated": 0}


def _call(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_a_catalog_is_exported_from_one_app_and_imported_into_another(shop: App, tmp_path: Path) -> None:
    make_app("Empty")
    file = tmp_path / "catalog.json"
    file.write_text(_call("export_event_catalog", "shop"))
    assert json.loads(file.read_text()) == json.loads(_call("export_event_catalog", "shop", "--json"))
    assert len(json.loads(_call("export_event_catalog", "shop", "--built-in"))["webhooks"]) == 1  # none is synchronised

    printed = _call("import_event_catalog", "empty", str(file))

    assert printed == "Event types of Empty: 1 created, 0 changed, 0 unchanged, 0 built in.\n"
    assert json.loads(_call("import_event_catalog", "empty", str(file), "--json")) == {
        "created": [],
        "changed": [],
        "unchanged": ["order.paid"],
        "built_in": [],
    }
    assert EventType.objects.filter(app__slug="empty", name="order.paid").count() == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "The document is not valid JSON: "),
        ("{}", "This is no OpenAPI document: "),
        ('{"openapi": "3.1.0", "webhooks": {"Bad": {}}}', "Bad: 'Bad' is not an event type: "),
    ],
)
def test_a_document_that_cannot_be_taken_is_one_sentence(
    shop: App, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(text.encode())))
    with pytest.raises(CommandError) as raised:
        call_command("import_event_catalog", "shop", "-")
    assert str(raised.value).startswith(sentence)
    with pytest.raises(CommandError, match=r"^The file /nonexistent cannot be read \("):
        call_command("import_event_catalog", "shop", "/nonexistent")
    assert EventType.objects.exclude(app=None).count() == 1
