"""Defining, changing, deprecating and removing a type in the Event Catalog."""

import json
from typing import Any

import pytest
from django.test import Client

from events.models import EventType
from tests.demo import Demo
from tests.factories import make_endpoint, make_event_type
from tests.pages.conftest import client_of
from tests.pages.event_catalog import SCHEMA, audited, text_of

pytestmark = pytest.mark.django_db


def test_a_developer_defines_a_type(demo: Demo) -> None:
    developer = client_of(demo.developer)
    fields = {"name": "order.packed", "description": "In a box.\r\nClosed.", "schema": SCHEMA, "example": '{"id": "1"}'}

    answer = developer.post(f"{demo.test_path}event-catalog/add/", fields)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"{demo.test_path}event-catalog/order.packed/")
    made = EventType.objects.get(app=demo.app, name="order.packed")
    assert made.description == "In a box.\nClosed."
    assert (made.schema, made.example, made.deprecated) == (json.loads(SCHEMA), {"id": "1"}, False)
    assert len(audited("event_type.created")) == 1
    assert "order.packed is defined" in text_of(developer, answer.headers["Location"])


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": "Order Paid"}, "name", "is not an event type"),
        ({"name": ""}, "name", "required"),
        ({"name": "webhook.mine"}, "name", "This family is built in"),
        ({"name": "order.paid"}, "name", "order.paid is defined already: change it instead."),
        ({"schema": '{\n  "type": "object",\n}'}, "schema", "line 3, column 1"),
        ({"schema": '{"type": "thing"}'}, "schema", "The schema is not valid at #/type"),
        ({"schema": "[]"}, "schema", "A schema must be a JSON object."),
        ({"schema": '{"$ref": "https://example.com/s.json"}'}, "schema", "$ref"),
        ({"schema": json.dumps({"description": "x" * 33_000})}, "schema", "at most 32 KiB"),
        ({"schema": '{"a":' * 25 + "1" + "}" * 25}, "schema", "at most 20 levels"),
        ({"schema": '{"pattern": "(?<=a)b"}'}, "schema", "pattern"),
        ({"schema": SCHEMA, "example": "{}"}, "example", "example.id is required."),
        ({"example": "{'id': 1}"}, "example", "line 1, column 2"),
        ({"example": '{"a": NaN}'}, "example", "NaN is not a JSON number."),
        ({"example": '{"a": "\\u0000"}'}, "example", "Remove the character U+0000"),
        ({"example": json.dumps({"a": "x" * 262_200})}, "example", "at most 256 KiB"),
        ({"description": "x" * 2_001}, "description", "at most 2000 characters"),
    ],
)
def test_s41b_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(
    demo: Demo, owner: Client, fields: dict[str, str], field: str, sentence: str
) -> None:
    given = {"name": "order.packed", "description": "A box.", "schema": "", "example": "", **fields}

    answer = owner.post(f"{demo.path}event-catalog/add/", given)

    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert len(form.errors[field]) == 1
    assert sentence in form.errors[field][0]
    assert {name: form[name].value() for name in given} == given
    assert not EventType.objects.filter(app=demo.app).exclude(name__in=_OWN).exists()
    assert audited("event_type.created") == []


_OWN = ["customer.updated", "invoice.created", "order.paid", "order.refunded", "shipment.sent"]


def test_what_is_typed_is_checked_without_changing_anything(demo: Demo, owner: Client) -> None:
    def check(**fields: str) -> str:
        given = {"name": "", "description": "", "schema": "", "example": "", **fields, "do": "check"}
        answer = owner.post(f"{demo.path}event-catalog/add/", given, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        return answer.content.decode()

    fine = check(schema=SCHEMA, example='{"id": "1"}')
    assert "The schema is valid, and the example fits it." in fine
    assert '<code class="depth-0">' in fine
    assert "<html" not in fine
    broken = check(schema=SCHEMA, example='{"id": 1}')
    assert "example.id must be a string." in broken
    assert '<code class="depth-0">' in broken
    assert "line 1, column 2" in check(schema="{")
    assert EventType.objects.filter(app=demo.app).count() == 5


def test_a_type_is_changed_and_only_what_changed_is_on_record(demo: Demo, owner: Client) -> None:
    path = f"{demo.path}event-catalog/order.paid/edit/"
    form = owner.get(path).context["form"]
    given = {name: form[name].value() for name in ("description", "schema", "example")}

    answer = owner.post(path, {**given, "description": "Paid in full.", "deprecated": "on"})

    assert answer.headers["Location"] == f"{demo.path}event-catalog/order.paid/"
    changed = EventType.objects.get(app=demo.app, name="order.paid")
    assert (changed.description, changed.deprecated) == ("Paid in full.", True)
    assert audited("event_type.updated") == [
        {"description": ["An order was paid in full.", "Paid in full."], "deprecated": [False, True]}
    ]
    assert "build nothing new on it" in text_of(owner, answer.headers["Location"])
    assert "Deprecated" in text_of(owner, f"{demo.path}event-catalog/")


def test_an_example_that_breaks_its_schema_is_refused_and_kept_in_the_form(demo: Demo, owner: Client) -> None:
    make_event_type(demo.app, "order.packed", description="In a box.", schema=json.loads(SCHEMA))
    given = {"description": "Other.", "schema": SCHEMA, "example": '{"id": 5}'}

    answer = owner.post(f"{demo.path}event-catalog/order.packed/edit/", given)

    assert answer.status_code == 422
    assert answer.context["form"].errors == {"example": ["example.id must be a string."]}
    assert '{"id": 5}' in answer.context["form"]["example"].value()
    assert EventType.objects.get(app=demo.app, name="order.packed").description == "In a box."


def test_a_breaking_change_is_refused_at_the_schema_and_leads_to_a_new_type(demo: Demo, owner: Client) -> None:
    path = f"{demo.path}event-catalog/order.paid/edit/"
    schema: Any = EventType.objects.get(app=demo.app, name="order.paid").schema
    changed = json.dumps({**schema, "required": [*schema["required"], "currency"]}, indent=1)
    given = {"description": "Other.", "schema": changed, "example": ""}
    sentence = "`currency` was optional and is now required: give the changed event a new name such as order.paid.v2."

    answer = owner.post(path, given)

    assert answer.status_code == 422
    form = answer.context["form"]
    assert form.errors == {"schema": [sentence]}
    assert {name: form[name].value() for name in given} == given
    assert EventType.objects.get(app=demo.app, name="order.paid").schema == schema
    assert audited("event_type.updated") == []
    assert f'formaction="{demo.path}event-catalog/add/?prefill"' in answer.content.decode()
    checked = owner.post(path, {**given, "do": "check"}, headers={"HX-Request": "true"}).content.decode()
    assert "Create <code>order.paid.v2</code> instead" in checked

    answer = owner.post(f"{demo.path}event-catalog/add/?prefill", {**given, "name": "order.paid.v2"})

    assert answer.status_code == 200
    form = answer.context["form"]
    assert {name: form[name].value() for name in [*given, "name"]} == {**given, "name": "order.paid.v2"}
    assert not EventType.objects.filter(name="order.paid.v2").exists()
    owner.post(f"{demo.path}event-catalog/add/", {name: form[name].value() for name in [*given, "name"]})
    assert EventType.objects.get(name="order.paid.v2").schema == json.loads(changed)


def test_the_form_says_how_far_a_schema_may_change(demo: Demo, owner: Client) -> None:
    make_event_type(demo.app, "order.packed", schema=json.loads(SCHEMA))
    make_event_type(demo.app, "order.bare")

    free = text_of(owner, f"{demo.path}event-catalog/order.packed/edit/")
    grows = text_of(owner, f"{demo.path}event-catalog/order.paid/edit/")
    bare = text_of(owner, f"{demo.path}event-catalog/order.bare/edit/")
    assert ("may change in any way" in free, "so it only grows" in free) == (True, False)
    assert ("may change in any way" in grows, "so it only grows" in grows) == (False, True)
    assert ("may change in any way" in bare, "so it only grows" in bare) == (False, False)


def test_a_type_is_deprecated_and_not_any_more(demo: Demo, owner: Client) -> None:
    path = f"{demo.path}event-catalog/order.paid/"

    for word, deprecated, told in (
        ("yes", True, "is deprecated: it is still"),
        ("no", False, "not deprecated any more"),
    ):
        answer = owner.post(f"{path}deprecate/", {"deprecated": word})
        assert answer.headers["Location"] == path
        assert EventType.objects.get(app=demo.app, name="order.paid").deprecated is deprecated
        html = text_of(owner, path)
        assert told in html
        assert ("build nothing new on it" in html) is deprecated
    assert audited("event_type.updated") == [{"deprecated": [False, True]}, {"deprecated": [True, False]}]
    assert owner.get(f"{path}deprecate/").headers["Location"] == path
    assert owner.post(f"{demo.path}event-catalog/webhook.test/deprecate/", {"deprecated": "yes"}).status_code == 403


def test_what_cannot_be_deleted_says_so_before_anything_is_typed(demo: Demo, owner: Client) -> None:
    html = text_of(owner, f"{demo.path}event-catalog/order.paid/delete/")

    assert "order.paid has been emitted, so its name stays taken: mark it deprecated instead." in html
    assert "to confirm" not in html
    assert "Deprecate it" in html
    owner.post(f"{demo.path}event-catalog/order.paid/deprecate/", {"deprecated": "yes"})
    assert "It is deprecated already" in text_of(owner, f"{demo.path}event-catalog/order.paid/delete/")


def test_an_unused_type_is_deleted_once_its_name_is_typed(demo: Demo, owner: Client) -> None:
    make_event_type(demo.app, "never.used")
    path = f"{demo.path}event-catalog/never.used/delete/"

    assert owner.post(path, {"confirm": "never"}).status_code == 422
    assert EventType.objects.filter(app=demo.app, name="never.used").exists()
    answer = owner.post(path, {"confirm": "never.used"})

    assert answer.headers["Location"] == f"{demo.path}event-catalog/"
    assert not EventType.objects.filter(name="never.used").exists()
    assert len(audited("event_type.deleted")) == 1
    assert "never.used is gone" in text_of(owner, answer.headers["Location"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("order.sized", "An endpoint subscribes to order.sized: take it off that endpoint first."),
        ("order.refunded", "order.refunded has been emitted, so its name stays taken: mark it deprecated instead."),
    ],
)
def test_a_type_in_use_is_not_deleted_and_told_why(demo: Demo, owner: Client, name: str, sentence: str) -> None:
    make_endpoint(demo.app, event_types=[make_event_type(demo.app, "order.sized").name])

    answer = owner.post(f"{demo.path}event-catalog/{name}/delete/", {"confirm": name})

    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors() == [sentence]
    assert EventType.objects.filter(app=demo.app, name=name).exists()
    assert audited("event_type.deleted") == []
