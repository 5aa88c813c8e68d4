"""Export and Import of the Event Catalog: a document is looked at first, and nothing that is typed is lost."""

import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from events.documents.export import catalog_document
from events.models import EventType
from tests.demo import Demo
from tests.factories import make_event_type
from tests.query_counts import assert_query_count
from webhooks.models import AuditEntry


def document(**webhooks: Any) -> str:
    return json.dumps({"openapi": "3.1.0", "webhooks": {name.replace("__", "."): v for name, v in webhooks.items()}})


def own(demo: Demo) -> list[Any]:
    return list(EventType.objects.filter(app=demo.app).order_by("name").values())


def imports() -> list[Any]:
    return list(AuditEntry.objects.filter(action="event_type.imported").values_list("actor_name", "changes", "ip"))


def test_the_catalog_is_downloaded_as_one_document(demo: Demo, owner: Client) -> None:
    make_event_type(demo.foreign_app, "secret.plan")

    answer = owner.get(f"{demo.path}event-catalog/export/")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="northwind-orders-event-catalog.openapi.json"'
    )
    assert json.loads(answer.content) == catalog_document(demo.app)
    assert "secret.plan" not in answer.content.decode()  # S34
    with_built_in = json.loads(owner.get(f"{demo.path}event-catalog/export/?built_in=true").content)
    assert len(with_built_in["webhooks"]) == 50


def test_a_document_is_reviewed_and_then_imported(demo: Demo, owner: Client) -> None:
    path = f"{demo.path}event-catalog/import/"
    before = own(demo)
    text = document(
        order__packed={"post": {"description": "In a box."}},
        customer__updated={"post": {"description": "Other.", "deprecated": True}},
        webhook__test={},
    )

    answer = owner.post(path, {"document": text, "do": "review"})

    assert answer.status_code == 200
    rows = [(each.name, each.outcome.value, each.fields) for each in answer.context["rows"]]
    assert rows == [
        ("customer.updated", "changed", ("description", "example", "deprecated")),
        ("order.packed", "created", ()),
        ("webhook.test", "built_in", ()),
    ]
    assert answer.context["form"]["document"].value() == text
    assert "Import 2 event types" in answer.content.decode()
    assert (own(demo), imports()) == (before, [])

    fingerprint = answer.context["plan"].fingerprint
    answer = owner.post(path, {"document": text, "do": "import", "fingerprint": fingerprint})

    assert answer.headers["Location"] == f"{demo.path}event-catalog/"
    assert "Imported: 1 event type created, 1 changed." in owner.get(answer.headers["Location"]).content.decode()
    assert len(own(demo)) == len(before) + 1
    assert imports() == [("ada", {"changed": 1, "created": 1, "built_in": 1}, "192.0.2.7")]
    again = owner.post(path, {"document": text, "do": "review"}).content.decode()
    assert "Nothing to import: the catalog has all of it already." in again
    assert 'value="import"' not in again


def test_a_file_is_read_and_stays_to_be_mended(demo: Demo, owner: Client) -> None:
    path = f"{demo.path}event-catalog/import/"
    before = own(demo)
    text = document(order__packed={"post": {}}, Bad={"post": {}})

    def upload(content: bytes) -> Any:
        return owner.post(path, {"document": "", "do": "review", "file": SimpleUploadedFile("a.json", content)})

    answer = upload(text.encode("utf-8-sig"))
    assert answer.context["form"]["document"].value() == text
    html = answer.content.decode()
    assert "Nothing can be imported yet: 1 type of the document cannot be taken." in html
    assert 'value="import"' not in html
    assert upload(b"\xff\xfe").context["form"].errors == {"file": ["The file is not text in UTF-8."]}
    assert upload(b" " * (12 * 1024 * 1024 + 1)).context["form"].errors == {
        "file": ["The file is over 12 MiB: import it in parts."]
    }
    assert own(demo) == before


def test_what_cannot_be_read_says_why(demo: Demo, owner: Client) -> None:
    def errors(text: str) -> Any:
        answer = owner.post(f"{demo.path}event-catalog/import/", {"document": text, "do": "review"})
        assert answer.status_code == 422
        assert answer.context["form"]["document"].value() == text
        return answer.context["form"].errors

    assert errors("") == {"document": ["Choose a file, or paste the document here."]}
    assert errors("openapi: 3.1.0") == {"document": ["This is YAML: give the same document as JSON."]}
    assert errors('{"openapi"') == {
        "document": ["This is not valid JSON: Expecting ':' delimiter at line 1, column 11."]
    }
    assert errors('{"openapi": "3.0.0"}') == {"document": ["This is OpenAPI 3.0.0: give a document of OpenAPI 3.1."]}


def test_what_has_changed_since_the_review_is_reviewed_again(demo: Demo, owner: Client) -> None:
    path = f"{demo.path}event-catalog/import/"
    text = document(order__packed={"post": {}})
    fingerprint = owner.post(path, {"document": text, "do": "review"}).context["plan"].fingerprint
    make_event_type(demo.app, "order.packed", description="Somebody else's.")
    before = own(demo)

    answer = owner.post(path, {"document": text, "do": "import", "fingerprint": fingerprint})

    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors() == [
        "The catalog has changed since: look again at what would be done."
    ]
    assert [each.outcome.value for each in answer.context["rows"]] == ["changed"]
    assert (own(demo), imports()) == (before, [])


def test_names_and_sentences_of_a_document_are_shown_as_text_only(demo: Demo, owner: Client) -> None:
    """S35."""
    attack = "<script>alert(1)</script>"
    text = document(**{attack: {}, "order.packed": {"post": {"description": attack}}})

    answer = owner.post(f"{demo.path}event-catalog/import/", {"document": text, "do": "review"})

    assert attack not in answer.content.decode()


def test_the_pages_make_as_many_queries_however_much_there_is(demo: Demo, owner: Client) -> None:
    def add_rows() -> None:
        for number in range(3):
            make_event_type(demo.app, f"more.number_{number}", schema={"type": "object"})

    assert_query_count("event catalog export", owner, f"{demo.path}event-catalog/export/", add_rows)
    assert_query_count("event catalog import", owner, f"{demo.path}event-catalog/import/")
