from webhooks.models.api_key import ApiKey, ApiKeyState
from webhooks.models.app import App, Membership, Role
from webhooks.models.audit_entry import AuditEntry
from webhooks.models.endpoint import DisabledReason, Endpoint, EndpointSecret
from webhooks.models.organization import Organization, OrganizationState

__all__ = [
    "ApiKey",
    "ApiKeyState",
    "App",
    "AuditEntry",
    "DisabledReason",
    "Endpoint",
    "EndpointSecret",
    "Membership",
    "Organization",
    "OrganizationState",
    "Role",
]
