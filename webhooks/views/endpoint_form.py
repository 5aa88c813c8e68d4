"""An endpoint's form, for adding and changing one. What a field may hold is judged where endpoints are made."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from deliveries.endpoint_fields import MASK, check_fields
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import InvalidInput
from webhooks.destinations.acceptance import check_endpoint_url
from webhooks.models import Endpoint, Organization
from webhooks.views.access import PageRequest
from webhooks.views.event_picker import EventPicker

# More than so many are no list to choose from: the id is typed instead.
_ORGANIZATIONS_LISTED = 500
_OF_ONE = "Of one organization the endpoint gets only its events."
_CHECKED_AS_TYPED = {
    "hx-trigger": "input changed delay:400ms",
    "hx-target": "#url-verdict",
    "hx-params": "url",
    "hx-sync": "this:replace",
}


class HeaderRows(forms.Widget):
    """Rows of a name and a value; the form's value is a list of pairs."""

    template_name = "webhooks/widgets/header_rows.html"
    use_fieldset = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        given = zip_longest(data.getlist("header_name"), data.getlist("header_value"), fillvalue="")
        return [(header, value) for header, value in given if header or value]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return "header_name" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["rows"] = [*(value or []), ("", "")]
        return context


class HeadersField(forms.Field):
    """{name: value} of the rows."""

    widget = HeaderRows

    def to_python(self, value: Any) -> dict[str, str]:
        rows: list[tuple[str, str]] = value or []
        headers = dict(rows)
        if len(headers) < len(rows):
            raise ValidationError("Give each header once.")
        return headers


class EndpointForm(forms.Form):
    """`cleaned_data` is what EndpointFields takes, without metadata and `enabled`."""

    url = forms.CharField(
        label="Receiver URL",
        strip=False,
        error_messages={"required": "Write the whole URL, such as https://hooks.example.com/path."},
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    name = forms.CharField(
        label="Name", required=False, help_text="What you call the receiver, such as Billing. Only your team sees it."
    )
    # That one is chosen is for check_fields to say.
    event_types = forms.Field(
        label="Events",
        widget=EventPicker,
        required=False,
        help_text="Only these are sent to it. Types of your own are defined in the Event Catalog.",
    )
    description = forms.CharField(label="Description", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    organization = forms.CharField(label="Organization", required=False, help_text=_OF_ONE)
    headers = HeadersField(
        label="Custom headers",
        required=False,
        help_text="Sent with every message, such as a credential of your gateway. Values are kept encrypted and not "
        "shown again. Empty both fields of a row to remove the header.",
    )
    rate_limit = forms.IntegerField(
        label="Rate limit",
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="Deliveries a second at most. Empty: as fast as the receiver answers.",
    )

    def __init__(self, page: PageRequest, data: QueryDict | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.app = page.app
        self.fields["url"].widget.attrs |= _CHECKED_AS_TYPED | {"hx-post": page.url("endpoint_url_check")}
        if data is None and not self.initial:
            self.fields["url"].widget.attrs["placeholder"] = "https://"
            self.fields["url"].widget.attrs["autofocus"] = True
        self.fields["event_types"].widget.app = page.app
        self._offer_organizations()

    @classmethod
    def of(cls, page: PageRequest, endpoint: Endpoint, data: QueryDict | None = None) -> "EndpointForm":
        """For changing it; header values masked (S25)."""
        organization = endpoint.organization
        initial = {
            name: getattr(endpoint, name) for name in ("url", "name", "event_types", "description", "rate_limit")
        }
        form = cls(
            page,
            data,
            initial=initial
            | {
                "organization": "" if organization is None else organization.public_id,
                "headers": [(name, MASK) for name in endpoint.headers],
            },
        )
        if "organization" in form.fields:
            form.fields["organization"].help_text = f"{_OF_ONE} What waits of others is canceled."
        return form

    @classmethod
    def for_organization(cls, page: PageRequest, public_id: str) -> "EndpointForm":
        """For adding one to an organization, or, with the empty text, to all."""
        return cls(page, initial={"organization": public_id} if public_id else None)

    @classmethod
    def with_another_row(cls, page: PageRequest, data: QueryDict) -> "EndpointForm":
        """What was typed so far, not judged yet, with one more row for a header: where no script adds it."""
        empty = cls(page)
        typed = {name: field.widget.value_from_datadict(data, {}, name) for name, field in empty.fields.items()}
        typed["headers"] = [*typed["headers"], ("", "")]
        return cls(page, initial=typed)

    def _offer_organizations(self) -> None:
        organizations = Organization.objects.filter(app=self.app).order_by("name", "slug")
        listed = list(organizations[: _ORGANIZATIONS_LISTED + 1])
        if not listed:
            del self.fields["organization"]
        elif len(listed) <= _ORGANIZATIONS_LISTED:
            self.fields["organization"].widget = forms.Select(
                choices=[("", "Events of every organization"), *((one.public_id, one.name) for one in listed)]
            )

    def clean_organization(self) -> Organization | None:
        text: str = self.cleaned_data["organization"]
        if not text:
            return None
        key = from_public_id(Prefix.ORGANIZATION, text)
        organization = None if key is None else Organization.objects.filter(app=self.app, pk=key).first()
        if organization is None:
            raise ValidationError("This app has no such organization: choose another.")
        return organization

    def clean(self) -> dict[str, Any]:
        """Every mistake at once: the same checks that saving makes."""
        values = dict(self.cleaned_data)
        try:
            check_fields(self.app, values)
        except InvalidInput as refusal:
            add_refusal(self, refusal)
        if self.errors and "url" in values:
            try:
                check_endpoint_url(values["url"])
            except InvalidInput as refusal:
                add_refusal(self, refusal)
        return self.cleaned_data

    def more_is_set(self) -> bool:
        """Whether anything below "More" is set or wrong, so that it is open."""
        below: Sequence[str] = [
            name for name in ("description", "organization", "headers", "rate_limit") if name in self.fields
        ]
        return any(self[name].value() or name in self.errors for name in below)
