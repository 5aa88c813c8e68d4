"""What stands around an event's data in the body of a message, and the headers beside it (product.md section 4)."""

from typing import Any

from webhooks.models import App

# By these fields a body is known for an envelope, ours or another's of Standard Webhooks.
MARKS = frozenset(("type", "timestamp", "data"))

HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "webhook-id": (
        {"type": "string", "examples": ["evt_01m84w1vmver3skjvqwnncx601"]},
        "The event's id, the same on every retry and replay: pass over one that you have had.",
    ),
    "webhook-timestamp": (
        {"type": "string", "pattern": "^[0-9]+$", "examples": ["1790000000"]},
        "When this attempt was made, in Unix seconds: refuse one that is old.",
    ),
    "webhook-signature": (
        {"type": "string", "examples": ["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="]},
        "Of Standard Webhooks 1.0.0: `v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`"
        " by the endpoint's secret. While a secret is rotated there are several, one space between.",
    ),
    "switera-delivery-id": ({"type": "string"}, "Which delivery this is, for your log."),
    "switera-attempt": ({"type": "string", "pattern": "^[0-9]+$"}, "The number of this attempt, for your log."),
    "switera-event-type": ({"type": "string"}, "The event's type, for your log."),
}


def body_schema(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """The schema of the whole body of an event of this type, around the schema of its `data`."""
    fields: dict[str, Any] = {
        "id": {"type": "string", "description": "The event's id, `evt_…`."},
        "type": {"const": name},
        "timestamp": {"type": "string", "format": "date-time", "description": "When the event occurred, in UTC."},
        "app_id": {"type": "string", "description": "The app's id, `app_…`."},
        "environment": {"enum": ["live", "test"]},
        "organization_id": {
            "type": ["string", "null"],
            "description": "The id of the organization that the event concerns, `org_…`, where it concerns one.",
        },
        "test": {"type": "boolean", "description": "Whether somebody sent it to try the endpoint."},
        "data": data,
    }
    return {"type": "object", "properties": fields, "required": list(fields)}


def body_example(name: str, app: App, data: object) -> dict[str, Any]:
    """A body as a receiver of this app gets it."""
    return {
        "id": "evt_01m84w1vmver3skjvqwnncx601",
        "type": name,
        "timestamp": "2026-11-23T18:40:14.123456Z",
        "app_id": app.public_id,
        "environment": "live",
        "organization_id": None,
        "test": False,
        "data": data,
    }
