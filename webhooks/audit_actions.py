"""Every action of the audit log (S46), each in words; tests/webhooks/test_audit_coverage.py does each of them."""

ACTIONS = {
    "app.created": "App created",
    "app.deleted": "App deleted",
    "app.updated": "App changed",
    "app.weight.changed": "Share of sending changed",
    "api_key.created": "API key created",
    "api_key.rotated": "API key rotated",
    "api_key.revoked": "API key revoked",
    "audit.exported": "Audit log exported",
    "delivery.canceled": "Delivery canceled",
    "delivery.curl.signed": "Signed cURL command made",
    "delivery.retried": "Delivery retried",
    "endpoint.checked": "Receiver checked",
    "endpoint.created": "Endpoint added",
    "endpoint.deleted": "Endpoint deleted",
    "endpoint.disabled": "Endpoint disabled",
    "endpoint.enabled": "Endpoint enabled",
    "endpoint.secret.revealed": "Secret revealed",
    "endpoint.secret.rotated": "Secret rotated",
    "endpoint.tested": "Test event sent",
    "endpoint.updated": "Endpoint changed",
    "event_type.created": "Event type added",
    "event_type.deleted": "Event type deleted",
    "event_type.updated": "Event type changed",
    "member.added": "Member added",
    "member.removed": "Member removed",
    "member.role.changed": "Member's role changed",
    "member.signed_in": "Member signed in",
    "replay.canceled": "Replay canceled",
    "replay.started": "Replay started",
    "support.viewed": "Looked at by support",
}


def action_words(action: str) -> str:
    """What people read in place of the action; of one that the code no longer knows, its own words."""
    return ACTIONS.get(action) or action.replace(".", " ").replace("_", " ").capitalize()
