"""The filters of the list of deliveries as they stand in its URL, and the DeliveryFilter that they mean."""

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet

from deliveries.delivery_filter import DeliveryFilter
from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, Delivery, DeliveryStatus
from events.models import EventType
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.pages.window import WindowForm
from webhooks.endpoint_names import endpoint_names
from webhooks.models import Endpoint, Organization
from webhooks.views.access import PageRequest

# So many choices stand in a list; whatever else is asked for by its id is added to them.
_CHOICES_AT_MOST = 200
_RESPONSES = (200, 204, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504)
_IDS = (Prefix.DELIVERY, Prefix.EVENT, Prefix.ATTEMPT, Prefix.ENDPOINT)


class DeliveryFilterForm(WindowForm):
    """GET parameters; `filters()` and `narrow()` once it is valid. Choices are those of the page's app (S33, S34)."""

    field_order = [
        "status", "type", "endpoint", "response", "when", "after", "before", "organization", "test", "q"
    ]  # fmt: skip
    status = forms.ChoiceField(required=False, choices=[("", "any"), *DeliveryStatus.choices])
    type = forms.CharField(
        required=False,
        label="Event type",
        max_length=128,
        widget=forms.TextInput({"list": "types", "placeholder": "any"}),
    )
    endpoint = forms.ChoiceField(required=False)
    response = forms.CharField(
        required=False, max_length=20, widget=forms.TextInput({"list": "responses", "placeholder": "401, timeout"})
    )
    organization = forms.ChoiceField(required=False)
    test = forms.ChoiceField(required=False, label="Kind", choices=[("", "any"), ("no", "real"), ("yes", "test sends")])
    q = forms.CharField(
        required=False,
        label="Id",
        max_length=100,
        widget=forms.TextInput({"placeholder": "dlv_, evt_ or att_", "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, page: PageRequest, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.page = page
        endpoints = self._rows(
            "endpoint", Prefix.ENDPOINT, Endpoint.objects.filter(environment=page.environment), F("deleted_at")
        )
        there = [endpoint for endpoint in endpoints if endpoint.deleted_at is None]
        deleted = [endpoint for endpoint in endpoints if endpoint.deleted_at is not None]
        # What each is called here and in the list; of a deleted one it is said besides.
        self.endpoint_names = {**endpoint_names(there), **endpoint_names(deleted)}
        self._choose("endpoint", [*_named(there, self.endpoint_names), *_named(deleted, self.endpoint_names)])
        organizations = self._rows("organization", Prefix.ORGANIZATION, Organization.objects.all(), F("name"))
        self._choose("organization", [(row.public_id, str(row)) for row in organizations])
        if len(self.fields["organization"].choices) == 1:  # type: ignore[attr-defined]
            del self.fields["organization"]

    def _rows(self, name: str, prefix: Prefix, rows: QuerySet[Any], first: F) -> list[Any]:
        """Those of the app, and the one that is asked for."""
        of_app = rows.filter(app=self.page.app)
        found = {row.pk: row for row in of_app.order_by(first.asc(nulls_first=True), "name", "pk")[:_CHOICES_AT_MOST]}
        asked = from_public_id(prefix, str(self.data.get(name) or ""))
        if asked is not None and asked not in found:
            found |= {row.pk: row for row in of_app.filter(pk=asked)}
        return list(found.values())

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (narrows the type)
        field.choices = [("", "any"), *choices]

    def clean_response(self) -> str:
        given: str = self.cleaned_data["response"].strip()
        known = given in list(ErrorCode) or (given.isascii() and given.isdigit() and 100 <= int(given) <= 999)
        if given and not known:
            raise ValidationError("Give a status such as 401, or an error code such as timeout.")
        return given

    def clean_q(self) -> str:
        given: str = self.cleaned_data["q"].strip()
        if given and not any(from_public_id(prefix, given) for prefix in _IDS):
            raise ValidationError("An id begins with dlv_, evt_, att_ or ep_, and is whole.")
        return given

    def filters(self) -> DeliveryFilter:
        """What the form means but for an id of one delivery."""
        given = self.cleaned_data
        after, before = self.window()
        response = given["response"]
        return DeliveryFilter(
            status=given["status"] or None,
            endpoint_id=from_public_id(Prefix.ENDPOINT, given["endpoint"] or given["q"]),
            event_type=given["type"].strip() or None,
            event_id=from_public_id(Prefix.EVENT, given["q"]),
            organization_id=from_public_id(Prefix.ORGANIZATION, given.get("organization", "")),
            response_status=int(response) if response.isdigit() else None,
            error_code=response if response and not response.isdigit() else None,
            test={"yes": True, "no": False}.get(given["test"]),
            after=after,
            before=before,
        )

    def narrow(self, deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Those of the app's deliveries that have the id that is asked for."""
        given = self.cleaned_data["q"]
        if delivery := from_public_id(Prefix.DELIVERY, given):
            return deliveries.filter(pk=delivery)
        if attempt := from_public_id(Prefix.ATTEMPT, given):
            return deliveries.filter(pk__in=Attempt.objects.filter(pk=attempt).values("delivery"))
        return deliveries

    @property
    def of_one(self) -> bool:
        """Whether the id is of one delivery: then the rest of the filters has little to say."""
        return self.is_valid() and self.cleaned_data["q"].startswith((Prefix.DELIVERY, Prefix.ATTEMPT))

    @property
    def suggestions(self) -> dict[str, list[tuple[str, str]]]:
        """What may be typed into the fields of text, with what it means."""
        types = EventType.objects.filter(app=self.page.app).order_by("name")
        codes = [(code.value, code.sentence) for code in ErrorCode]
        return {
            "types": [(name, "") for name in types.values_list("name", flat=True)[:_CHOICES_AT_MOST]],
            "responses": [*((str(status), "") for status in _RESPONSES), *codes],
        }


def _named(endpoints: list[Endpoint], names: Mapping[uuid.UUID, str]) -> list[tuple[str, str]]:
    return [(each.public_id, f"{names[each.pk]}{' (deleted)' if each.deleted_at else ''}") for each in endpoints]
