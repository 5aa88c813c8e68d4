from webhooks.models.api_key import ApiKey, ApiKeyState
from webhooks.models.app import App, Membership, Role
from webhooks.models.audit_entry import AuditEntry
from webhooks.models.endpoint import DisabledReason, Endpoint, EndpointSecret
from webhooks.models.invitation import Invitation, InvitationState
from webhooks.models.organization import Organization, OrganizationState
from webhooks.models.organization_domain import DomainMethod, OrganizationDomain
from webhooks.models.organization_member import MemberSource, OrganizationMember

__all__ = [
    "ApiKey",
    "ApiKeyState",
    "App",
    "AuditEntry",
    "DisabledReason",
    "DomainMethod",
    "Endpoint",
    "EndpointSecret",
    "Invitation",
    "InvitationState",
    "MemberSource",
    "Membership",
    "Organization",
    "OrganizationDomain",
    "OrganizationMember",
    "OrganizationState",
    "Role",
]
