"""Organizations and their parts as the REST API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from switera_webhooks.api.fields import FlagField, IdField, TextField, TimeField
from switera_webhooks.api.pagination import ListQuery
from switera_webhooks.ids import Prefix
from webhooks.models import (
    DomainMethod,
    Invitation,
    InvitationState,
    MemberSource,
    Organization,
    OrganizationDomain,
    OrganizationMember,
    OrganizationState,
)
from webhooks.organizations.fields import MAX_EMAIL, MAX_NAME, MAX_REASON, MAX_ROLE, MAX_SLUG, MAX_USER_ID
from webhooks.organizations.members import DEFAULT_ROLE

# What a key may say; the product says the others.
NEW_MEMBER_SOURCES = [MemberSource.API.value, MemberSource.DOMAIN.value]
_STATE = "For your own product to act on: a suspended organization's events are delivered as before."
_ROLE = "A word of your own product's."


class OrganizationSerializer(serializers.Serializer[Organization]):
    """A customer account of the app."""

    id = IdField(Prefix.ORGANIZATION)
    name = TextField()
    slug = TextField(help_text="Once in the app.")
    state = serializers.ChoiceField(OrganizationState.choices, help_text=_STATE)
    created_at = TimeField()
    updated_at = TimeField()


class OrganizationFieldsSerializer(serializers.Serializer[Any]):
    """What a Builder says about an organization."""

    name = TextField(max_length=MAX_NAME)
    slug = TextField(required=False, max_length=MAX_SLUG, help_text="Lower-case; made of the name where none is given.")
    state = serializers.ChoiceField(OrganizationState.choices, required=False, help_text=_STATE)


class MemberSerializer(serializers.Serializer[OrganizationMember]):
    """An end user of your product who belongs to an organization."""

    id = IdField(Prefix.MEMBER)
    organization_id = IdField(Prefix.ORGANIZATION)
    user_id = TextField(help_text="The id that your product has for them.")
    email = TextField()
    role = TextField(help_text=_ROLE)
    source = serializers.ChoiceField(MemberSource.choices, help_text="How they came in.")  # type: ignore[assignment]
    created_at = TimeField()
    updated_at = TimeField()


class NewMemberSerializer(serializers.Serializer[Any]):
    """Somebody to add."""

    user_id = TextField(max_length=MAX_USER_ID, help_text="The id that your product has for them; once in it.")
    email = TextField(max_length=MAX_EMAIL)
    role = TextField(required=False, default=DEFAULT_ROLE, max_length=MAX_ROLE, help_text=_ROLE)
    source = serializers.ChoiceField(  # type: ignore[assignment]
        NEW_MEMBER_SOURCES,
        required=False,
        default=MemberSource.API.value,
        help_text="`domain` for somebody whose address is at a verified domain with `auto_join`.",
    )


class MemberChangesSerializer(serializers.Serializer[Any]):
    """What can be changed of a member."""

    email = TextField(max_length=MAX_EMAIL)
    role = TextField(max_length=MAX_ROLE, help_text=_ROLE)


class RemoveMemberQuery(serializers.Serializer[Any]):
    """Why a member goes."""

    reason = TextField(
        required=False, max_length=MAX_REASON, help_text="A word for receivers, such as `left` or `deprovisioned`."
    )


class InvitationSerializer(serializers.Serializer[Invitation]):
    """Somebody asked to join an organization."""

    id = IdField(Prefix.INVITATION)
    organization_id = IdField(Prefix.ORGANIZATION)
    email = TextField()
    role = TextField(help_text=_ROLE)
    locale = serializers.SerializerMethodField(help_text="A BCP 47 tag.")
    state = serializers.ChoiceField(InvitationState.choices, source="shown_state")
    expires_at = TimeField(allow_null=True, help_text="Until when it can be accepted; null: for ever.")
    ended_at = TimeField(
        source="shown_ended_at", allow_null=True, help_text="When it was accepted, revoked, or ran out."
    )
    created_at = TimeField()
    updated_at = TimeField()

    def get_locale(self, invitation: Invitation) -> str | None:
        return invitation.locale or None


class NewInvitationSerializer(serializers.Serializer[Any]):
    """Somebody to invite. Your product writes to them: nothing is sent to the address from here."""

    email = TextField(max_length=MAX_EMAIL)
    role = TextField(required=False, default=DEFAULT_ROLE, max_length=MAX_ROLE, help_text=_ROLE)
    locale = TextField(required=False, allow_null=True, help_text="A BCP 47 tag, such as `pt-BR`.")
    expires_at = TimeField(required=False, allow_null=True, help_text="In 7 days by default; null: never.")


class InvitationChangesSerializer(serializers.Serializer[Any]):
    """What can be changed of an invitation that is pending."""

    role = TextField(max_length=MAX_ROLE, help_text=_ROLE)
    locale = TextField(allow_null=True, help_text="A BCP 47 tag, such as `pt-BR`.")
    expires_at = TimeField(allow_null=True, help_text="Null: never.")


class AcceptSerializer(serializers.Serializer[Any]):
    """Who accepted."""

    user_id = TextField(max_length=MAX_USER_ID, help_text="The id that your product has for them.")


class TxtRecordSerializer(serializers.Serializer[Any]):
    """A TXT record that proves a domain to your product, once it is found there."""

    name = TextField()
    value = TextField()


class DomainSerializer(serializers.Serializer[OrganizationDomain]):
    """A domain that an organization says is its own."""

    id = IdField(Prefix.DOMAIN)
    organization_id = IdField(Prefix.ORGANIZATION)
    domain = TextField(help_text="Lower-case ASCII (IDNA).")
    auto_join = FlagField(help_text="Whether users with an address at it may join by themselves, once it is verified.")
    verified = serializers.SerializerMethodField()
    method = serializers.ChoiceField(DomainMethod.choices, allow_null=True, help_text="How it was verified.")
    verified_at = TimeField(allow_null=True)
    txt_record = serializers.SerializerMethodField(
        help_text="For your customer to set, where you verify by DNS. Your product looks it up."
    )
    created_at = TimeField()
    updated_at = TimeField()

    def get_verified(self, domain: OrganizationDomain) -> bool:
        return domain.verified_at is not None

    @extend_schema_field(TxtRecordSerializer)
    def get_txt_record(self, domain: OrganizationDomain) -> dict[str, str]:
        return {"name": domain.txt_name, "value": domain.txt_value}


class NewDomainSerializer(serializers.Serializer[Any]):
    """A domain to add."""

    domain = TextField(help_text="Such as `globex.example`.")
    auto_join = FlagField(required=False, default=False)


class DomainChangesSerializer(serializers.Serializer[Any]):
    """What can be changed of a domain."""

    auto_join = FlagField()


class VerifySerializer(serializers.Serializer[Any]):
    """How your product made sure."""

    method = serializers.ChoiceField(DomainMethod.choices)


class OrganizationQuery(ListQuery):
    """Filters of the list of organizations."""

    slug = TextField(required=False, max_length=MAX_SLUG, help_text="The one with this slug.")
