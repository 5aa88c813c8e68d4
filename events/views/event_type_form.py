"""What a Builder fills in to define or change an event type."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from events.catalog.json_values import holds_nul, same_json
from events.catalog.patterns import InvalidPattern, check_event_type_name
from events.event_type_use import may_change_freely, next_version_name, refuse_breaking_change
from events.event_types import check_shape
from events.models import EventType
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.pages.json_field import JSONTextField, typed_json
from switera_webhooks.refusals import Conflict, InvalidInput

_FREE = "Nothing was emitted yet and no endpoint asks for it by name: the schema may change in any way."
_ONLY_GROWS = (
    "Receivers rely on it, so it only grows: add fields that may be left out, and descriptions."
    " For anything else define a new type."
)
_SCHEMA_LIKE = """{
  "type": "object",
  "required": ["order_id"],
  "properties": {
    "order_id": {"type": "string", "description": "Of your own system."}
  }
}"""


class EventTypeForm(forms.Form):
    """The fields that can be changed; the sentences of a refused schema or example stand at their fields.

    `read_schema` is what is typed as schema, as far as it is JSON, also where it is refused.
    """

    read_schema: object | None = None

    description = forms.CharField(
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="When it happens, in a sentence. Whoever subscribes an endpoint reads it.",
    )
    schema = JSONTextField(
        required=False,
        label="JSON Schema",
        rows=14,
        placeholder=_SCHEMA_LIKE,
        help_text="Of an event's data (draft 2020-12). Data that breaks it is refused when it is emitted.",
    )
    example = JSONTextField(
        required=False,
        rows=8,
        placeholder='{"order_id": "ord_1042"}',
        help_text="Data as a receiver will get it. A test send begins with it.",
    )

    def clean_description(self) -> str:
        text: str = self.cleaned_data["description"]
        return text.replace("\r\n", "\n")  # as browsers send line ends

    def clean_schema(self) -> Any:
        self.read_schema = self._without_nul("schema")
        return self.read_schema

    def clean_example(self) -> Any:
        return self._without_nul("example")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "schema" in cleaned:
            try:
                # The schema is judged also where the example is no JSON.
                check_shape(cleaned["schema"], cleaned.get("example"))
            except InvalidInput as refusal:
                add_refusal(self, refusal)
        return self.cleaned_data

    def _without_nul(self, name: str) -> Any:
        value = self.cleaned_data[name]
        if holds_nul(value):
            raise ValidationError("Remove the character U+0000: it cannot be stored.")
        return value


class NewEventTypeForm(EventTypeForm):
    name = forms.CharField(
        max_length=128,
        widget=forms.TextInput(
            attrs={"class": "mono", "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        ),
        help_text="Such as order.paid: what it is about, a dot, what happened. It cannot be changed later.",
    )
    field_order = ("name", "description", "schema", "example")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            check_event_type_name(name)
        except InvalidPattern as error:
            raise ValidationError(str(error)) from error
        return name


class EventTypeChangesForm(EventTypeForm):
    """`instead` is the name to give to what the type may not become."""

    instead: str | None = None
    deprecated = forms.BooleanField(
        required=False,
        help_text="It can still be emitted and is still delivered; the catalog tells people not to build on it.",
    )

    def __init__(self, event_type: EventType, data: object = None) -> None:
        texts = {name: getattr(event_type, name) for name in ("schema", "example")}
        initial = {
            "description": event_type.description,
            "deprecated": event_type.deprecated,
            **{name: "" if value is None else typed_json(value) for name, value in texts.items()},
        }
        super().__init__(data, initial=initial)  # type: ignore[arg-type]
        self._event_type = event_type
        if event_type.schema is not None:
            self.fields["schema"].help_text = _FREE if may_change_freely(event_type) else _ONLY_GROWS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "schema" in cleaned and not same_json(cleaned["schema"], self._event_type.schema):
            try:
                refuse_breaking_change(self._event_type, cleaned["schema"])
            except Conflict as refusal:
                add_refusal(self, refusal)
                self.instead = next_version_name(self._event_type)
        return self.cleaned_data
