"""`app.*`: changes of an app and of its API keys. Keys made together with their app emit nothing."""

from events.catalog.built_in.declaration import (
    API_KEY,
    APP,
    BUILDER,
    ENVIRONMENTS,
    OLDER_API_KEY,
    event_type,
    identifier,
    listing,
    one_of,
    or_null,
    text,
    time,
)

_KEY_ID = identifier("key_id", "The key.", API_KEY)
_KIND = text("kind", "What the key is for, such as secret.", "secret")
_ENVIRONMENT = one_of("environment", "Where the key works.", ENVIRONMENTS, "live")
_PREFIX = text("prefix", "How the key begins.", "sk_live_")
_LAST4 = text("last4", "The key's last four characters.", "3f9a")

TYPES = (
    event_type(
        "app.updated",
        "Happens when the name or the slug of the app is changed.",
        identifier("id", "The app.", APP),
        text("name", "The app's name now.", "Acme Billing"),
        text("slug", "The app's slug now, as in the address of its pages.", "acme-billing"),
        listing("changed_fields", "The fields that changed.", ["name", "slug"]),
        time("updated_at", "When the app was changed.", "2026-03-02T09:30:00Z"),
    ),
    event_type(
        "app.deleted",
        "Happens when the app is deleted; each endpoint gets one attempt within a minute, then it is gone too.",
        identifier("id", "The app.", APP),
        text("name", "The app's name.", "Acme Billing"),
        text("slug", "The app's slug.", "acme-billing"),
        time("deleted_at", "When the app was deleted.", "2026-03-02T09:30:00Z"),
    ),
    event_type(
        "app.api_key.created",
        "Happens when an API key is made for the app, other than those made together with it.",
        _KEY_ID,
        _KIND,
        _ENVIRONMENT,
        _PREFIX,
        _LAST4,
        or_null(identifier("created_by", "Who made the key; null where the system or a command did.", BUILDER)),
    ),
    event_type(
        "app.api_key.rotated",
        "Happens when an API key is replaced by a new one; the old one works until it expires.",
        _KEY_ID,
        identifier("previous_key_id", "The key that was replaced.", OLDER_API_KEY),
        _KIND,
        _ENVIRONMENT,
        _PREFIX,
        _LAST4,
        or_null(
            time("old_key_expires_at", "Until when the old key works; null: not any more.", "2026-03-03T09:30:00Z")
        ),
    ),
    event_type(
        "app.api_key.revoked",
        "Happens when an API key is revoked and stops working.",
        _KEY_ID,
        _KIND,
        _ENVIRONMENT,
        _LAST4,
        or_null(identifier("revoked_by", "Who revoked the key; null where the system or a command did.", BUILDER)),
    ),
)
