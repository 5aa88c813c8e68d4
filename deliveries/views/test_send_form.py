"""What a Builder chooses and edits before a test send."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from deliveries.test_send import check_test_data, example_of
from events.catalog.patterns import matches
from events.event_types import visible_event_types
from events.models import EventType
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.pages.json_field import JSONTextField, typed_json
from switera_webhooks.refusals import InvalidInput, TooLarge
from webhooks.endpoint_names import endpoint_hosts
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest

TEST_TYPE = "webhook.test"
# So much of the URL of an endpoint without a name is seen in a list of choices.
_URL_LENGTH = 100


@dataclass(frozen=True)
class Choices:
    """What there is to choose from in an app and environment: endpoints by name, types without schema and example."""

    endpoints: Sequence[Endpoint]
    types: Sequence[EventType]

    @classmethod
    def of(cls, page: PageRequest) -> "Choices":
        endpoints = Endpoint.objects.in_scope(page.app, page.environment).select_related("app").order_by("name", "-id")
        types = visible_event_types(page.app).defer("schema", "example").order_by("name")
        return cls(list(endpoints), list(types))

    def endpoint(self, public_id: str) -> Endpoint | None:
        return next((each for each in self.endpoints if each.public_id == public_id), None)

    def type(self, name: str) -> EventType | None:
        return next((each for each in self.types if each.name == name), None)

    def endpoint_options(self) -> list[tuple[str, str]]:
        hosts = endpoint_hosts(self.endpoints)
        return [(each.public_id, _named(each, hosts[each.pk])) for each in self.endpoints]

    def type_options(self, endpoint: Endpoint | None) -> list[tuple[str, list[tuple[str, str]]]]:
        """Grouped: the type that is made for it, what the endpoint is subscribed to, all others."""
        subscribed: list[tuple[str, str]] = []
        others: list[tuple[str, str]] = []
        for each in self.types:
            if each.built_in and each.name == TEST_TYPE:
                continue
            option = (each.name, f"{each.name} (deprecated)" if each.deprecated else each.name)
            (subscribed if endpoint and matches(endpoint.event_types, each.name) else others).append(option)
        groups = [("Made for trying out", [(TEST_TYPE, TEST_TYPE)] if self.type(TEST_TYPE) else [])]
        if endpoint:
            groups.append((f"Subscribed by {str(endpoint)[:60]}", subscribed))
        groups.append(("Not subscribed" if endpoint else "All types", others))
        return [(title, options) for title, options in groups if options]


def _named(endpoint: Endpoint, host: str) -> str:
    name = " · ".join(filter(None, [endpoint.name or endpoint.url[:_URL_LENGTH], host]))
    return name if endpoint.enabled else f"{name} (disabled)"


class SendForm(forms.Form):
    """Endpoint, type and data; what data was filled in for which of them goes along, so that only edits are kept."""

    endpoint = forms.ChoiceField(error_messages={"invalid_choice": "Choose one of this app's endpoints."})
    type = forms.ChoiceField(label="Event type", error_messages={"invalid_choice": "Choose a type of the catalog."})
    data = JSONTextField(  # type: ignore[assignment]  # (a declared field hides no attribute)
        rows=14, help_text="What the receiver finds as data. Change it to try other cases."
    )
    filled_endpoint = forms.CharField(required=False, widget=forms.HiddenInput)
    filled_type = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, choices: Choices, data: QueryDict | dict[str, str]) -> None:
        super().__init__(data)
        self._choices = choices
        self.chosen_endpoint = choices.endpoint(data.get("endpoint", ""))
        self.chosen_type = choices.type(data.get("type", ""))
        _field(self, "endpoint").choices = choices.endpoint_options()
        _field(self, "type").choices = choices.type_options(self.chosen_endpoint)
        self.fields["data"].widget.attrs["aria-describedby"] = "id_data_helptext data-check"

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data.get("data")
        if data is not None and self.chosen_endpoint and self.chosen_type:
            try:
                check_test_data(self.chosen_endpoint, self.chosen_type, data)
            except TooLarge as refusal:
                self.add_error("data", refusal.message)
            except InvalidInput as refusal:
                add_refusal(self, refusal)
        return self.cleaned_data


def _field(form: forms.Form, name: str) -> forms.ChoiceField:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)  # noqa: S101 (declared above)
    return field


def filled(page: PageRequest, endpoint: Endpoint, event_type: EventType) -> dict[str, str]:
    """The form's values for a type's example to an endpoint."""
    return with_data(endpoint, event_type.name, example_of(event_type, endpoint, page.actor))


def with_data(endpoint: Endpoint, event_type: str, data: object) -> dict[str, str]:
    """The form's values for such data."""
    return {
        "endpoint": endpoint.public_id,
        "type": event_type,
        "data": typed_json(data),
        "filled_endpoint": endpoint.public_id,
        "filled_type": event_type,
    }


def settled(page: PageRequest, choices: Choices, given: QueryDict, *, to_example: bool) -> dict[str, str]:
    """What was sent in, with the example of what is chosen now in place of an earlier one that nobody has edited.

    `to_example` puts it there in place of edits too.
    """
    values = {name: given.get(name, "") for name in SendForm.base_fields}
    endpoint, event_type = choices.endpoint(values["endpoint"]), choices.type(values["type"])
    if endpoint is None or event_type is None:
        return values
    is_new = (values["endpoint"], values["type"]) != (values["filled_endpoint"], values["filled_type"])
    if to_example or (is_new and _is_untouched(page, choices, values)):
        return filled(page, endpoint, event_type)
    return values


def _is_untouched(page: PageRequest, choices: Choices, values: dict[str, str]) -> bool:
    endpoint, event_type = choices.endpoint(values["filled_endpoint"]), choices.type(values["filled_type"])
    if endpoint is None or event_type is None:
        return not values["data"].strip()
    given = values["data"].replace("\r\n", "\n").strip()
    return given in ("", filled(page, endpoint, event_type)["data"])
