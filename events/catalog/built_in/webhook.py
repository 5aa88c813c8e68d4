"""`webhook.*`: endpoints and deliveries. Opt-in, and never about the endpoint that they are sent to (S40)."""

from events.catalog.built_in.declaration import (
    DELIVERY,
    ENDPOINT,
    ENVIRONMENTS,
    EVENT,
    count,
    event_type,
    identifier,
    listing,
    one_of,
    or_null,
    text,
    time,
)

_ENDPOINT_ID = identifier("endpoint_id", "The endpoint.", ENDPOINT)
_NAME = text("name", "The endpoint's name; may be empty.", "Order sync")
_URL_HOST = text("url_host", "The host of the endpoint's URL.", "hooks.globex.example")
_DELIVERY_ID = identifier("delivery_id", "The delivery.", DELIVERY)
_EVENT_ID = identifier("event_id", "The event that was to be delivered.", EVENT)
_EVENT_TYPE = text("event_type", "That event's type.", "order.paid")

TYPES = (
    event_type(
        "webhook.endpoint.created",
        "Happens when an endpoint is added to the app.",
        _ENDPOINT_ID,
        _NAME,
        _URL_HOST,
        listing("event_types", "What the endpoint subscribes to.", ["order.*", "invoice.paid"]),
        one_of("environment", "Which events the endpoint gets.", ENVIRONMENTS, "live"),
    ),
    event_type(
        "webhook.endpoint.updated",
        "Happens when an endpoint is changed.",
        _ENDPOINT_ID,
        listing("changed_fields", "The fields that changed.", ["url", "event_types"]),
        _URL_HOST,
    ),
    event_type(
        "webhook.endpoint.deleted",
        "Happens when an endpoint is removed from the app.",
        _ENDPOINT_ID,
        _NAME,
        _URL_HOST,
    ),
    event_type(
        "webhook.endpoint.disabled",
        "Happens when an endpoint stops getting deliveries: by hand, by its own 410, or after days of failures.",
        _ENDPOINT_ID,
        _NAME,
        _URL_HOST,
        one_of("reason", "Why it was disabled.", ("manual", "gone", "sustained_failure"), "sustained_failure"),
        or_null(
            time("failing_since", "Since when every delivery failed; null where none did.", "2026-02-25T09:30:00Z")
        ),
        count("failed_deliveries", "How many deliveries have failed since then.", 41),
    ),
    event_type(
        "webhook.delivery.failed",
        "Happens once for a delivery, when its last attempt has failed and no more will be made; again only where a "
        "person has it tried again and that fails for good too.",
        _DELIVERY_ID,
        _EVENT_ID,
        _EVENT_TYPE,
        _ENDPOINT_ID,
        count("attempts", "How many attempts were made.", 10),
        or_null(count("last_status_code", "The HTTP status of the last answer; null where there was none.", 503)),
        or_null(text("last_error", "The error code of the last attempt.", "http_status")),
        time("first_attempt_at", "When the first attempt was made.", "2026-02-27T09:30:00Z"),
        time("last_attempt_at", "When the last attempt was made.", "2026-03-02T14:12:40Z"),
    ),
    event_type(
        "webhook.delivery.recovered",
        "Happens when a delivery succeeds to an endpoint that had been failing, once for each such time, and when one "
        "succeeds that had failed for good.",
        _DELIVERY_ID,
        _EVENT_ID,
        _EVENT_TYPE,
        _ENDPOINT_ID,
        count("attempts", "How many attempts the delivery took.", 4),
        time("failing_since", "Since when the endpoint, or the delivery, had been failing.", "2026-03-02T07:30:00Z"),
    ),
    event_type(
        "webhook.test",
        "Sent by a person to try an endpoint out; nothing happened.",
        text("message", "A greeting.", "This is a test event from Switera."),
        text("sent_by", "Who sent it.", "ada@acme.example"),
        _ENDPOINT_ID,
    ),
)
