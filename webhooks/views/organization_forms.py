"""What a Builder fills in about an organization and its parts. What a field may hold is judged where it is written."""

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import InvalidInput
from webhooks.models import DomainMethod, Organization, OrganizationMember, OrganizationState
from webhooks.organizations.fields import canonical_domain, check_fields
from webhooks.organizations.members import DEFAULT_ROLE

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
_ROLE = "A word of your own product, such as member or admin."
_ANY_TIME = "any"


class CheckedForm(forms.Form):
    """Every mistake at once: the same checks that saving makes."""

    def clean(self) -> dict[str, Any]:
        try:
            self.check_values(dict(self.cleaned_data))
        except InvalidInput as refusal:
            add_refusal(self, refusal)
        return self.cleaned_data

    def check_values(self, values: dict[str, Any]) -> None:
        """Raises InvalidInput."""
        check_fields(values)


class NewOrganizationForm(CheckedForm):
    name = forms.CharField(label="Name", help_text="What you call the customer.")
    slug = forms.CharField(
        label="Slug",
        required=False,
        widget=forms.TextInput(attrs=_PLAIN | {"class": "mono"}),
        help_text="Short and once in the app, such as globex. Empty: made of the name.",
    )

    def check_values(self, values: dict[str, Any]) -> None:
        check_fields({name: value for name, value in values.items() if name != "slug" or value})


class OrganizationForm(CheckedForm):
    name = forms.CharField(label="Name", help_text="What you call the customer.")
    slug = forms.CharField(
        label="Slug",
        widget=forms.TextInput(attrs=_PLAIN | {"class": "mono"}),
        help_text="Your product may know the customer by it: receivers hear of the new one.",
    )
    state = forms.ChoiceField(
        label="State",
        choices=OrganizationState.choices,
        widget=forms.RadioSelect,
        help_text="For your own product to act on: events of a suspended organization are delivered as before.",
    )

    @classmethod
    def of(cls, organization: Organization, data: Any = None) -> "OrganizationForm":
        return cls(data, initial={name: getattr(organization, name) for name in ("name", "slug", "state")})


class NewMemberForm(CheckedForm):
    user_id = forms.CharField(
        label="User id",
        widget=forms.TextInput(attrs=_PLAIN | {"class": "mono"}),
        help_text="The id that your product has for this person, such as usr_77.",
    )
    email = forms.CharField(label="E-mail address", widget=forms.EmailInput(attrs=_PLAIN))
    role = forms.CharField(label="Role", initial=DEFAULT_ROLE, help_text=_ROLE)


class MemberForm(CheckedForm):
    email = forms.CharField(label="E-mail address", widget=forms.EmailInput(attrs=_PLAIN))
    role = forms.CharField(label="Role", help_text=_ROLE)

    @classmethod
    def of(cls, member: OrganizationMember, data: Any = None) -> "MemberForm":
        return cls(data, initial={"email": member.email, "role": member.role})


class InvitationForm(CheckedForm):
    """`cleaned_data` holds `expires_at` in place of the days."""

    email = forms.CharField(label="E-mail address", widget=forms.EmailInput(attrs=_PLAIN))
    role = forms.CharField(label="Role", initial=DEFAULT_ROLE, help_text=_ROLE)
    locale = forms.CharField(
        label="Language",
        required=False,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="For the mail that your product writes, such as en or pt-BR.",
    )
    days = forms.ChoiceField(
        label="Can be accepted",
        initial="7",
        choices=[("1", "within a day"), ("7", "within 7 days"), ("30", "within 30 days"), (_ANY_TIME, "at any time")],
    )

    def check_values(self, values: dict[str, Any]) -> None:
        days = values.pop("days", _ANY_TIME)
        check_fields(values)
        expires_at = None if days == _ANY_TIME else timezone.now() + dt.timedelta(days=int(days))
        self.cleaned_data = values | {"expires_at": expires_at}


class NewDomainForm(CheckedForm):
    domain = forms.CharField(
        label="Domain", widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "url"}), help_text="Such as globex.example."
    )
    auto_join = forms.BooleanField(
        label="Let people join by themselves",
        required=False,
        help_text="Once it is verified, your product may add whoever has an address at it.",
    )

    def check_values(self, values: dict[str, Any]) -> None:
        if "domain" in values:
            canonical_domain(values["domain"])


class VerifyDomainForm(CheckedForm):
    method = forms.ChoiceField(
        label="How your product made sure",
        choices=[
            (DomainMethod.DNS_TXT.value, "The TXT record was found in DNS"),
            (DomainMethod.EMAIL.value, "Somebody answered a mail at the domain"),
            (DomainMethod.MANUAL.value, "By hand: a contract, a call"),
        ],
        initial=DomainMethod.DNS_TXT.value,
        widget=forms.RadioSelect,
    )
