"""`auth.*`: what happens to an app's end users, their sessions and factors. Never a password, token or code."""

from events.catalog.built_in.declaration import (
    BUILDER,
    ORGANIZATION,
    USER,
    count,
    email,
    event_type,
    flag,
    identifier,
    listing,
    or_null,
    text,
    time,
)

_USER_ID = identifier("user_id", "The user.", USER)
_EMAIL = or_null(email("email", "The user's e-mail address; null where there is none.", "ada@globex.example"))
_NAME = or_null(text("name", "The user's name; null where it is not known.", "Ada Lovelace"))
_STATUS = text("status", "The user's status, such as active or suspended.", "active")
_SESSION_ID = identifier("session_id", "The session; not its token.", "ses_2Vh77kNd")
_METHOD = text("method", "How the user signed in, such as password, magic_link, passkey or sso.", "sso")
_PROVIDER = or_null(text("provider", "The identity provider; null where there was none.", "google"))
_IP = or_null(text("ip", "The client's IPv4 or IPv6 address; null where it is not known.", "203.0.113.24"))
_FACTOR_ID = identifier("factor_id", "The factor; not its secret.", "fac_8Lp19wXe")
_FACTOR_TYPE = text("factor_type", "What kind of factor, such as totp, passkey or sms.", "totp")

TYPES = (
    event_type(
        "auth.user.created",
        "Happens when an end user of the app signs up or is added.",
        _USER_ID,
        _EMAIL,
        flag("email_verified", "Whether the address is known to be the user's.", False),
        _NAME,
        _STATUS,
        text("source", "How the user came in, such as sign_up, invitation, directory or api.", "sign_up"),
    ),
    event_type(
        "auth.user.updated",
        "Happens when an end user's e-mail address, name or status is changed.",
        _USER_ID,
        _EMAIL,
        _NAME,
        _STATUS,
        listing("changed_fields", "The fields that changed.", ["name"]),
    ),
    event_type(
        "auth.user.deleted",
        "Happens when an end user is deleted.",
        _USER_ID,
        time("deleted_at", "When the user was deleted.", "2026-03-02T09:30:00Z"),
    ),
    event_type(
        "auth.user.suspended",
        "Happens when an end user is kept from signing in, for a time or until restored.",
        _USER_ID,
        or_null(text("reason", "Why.", "Chargeback under review")),
        or_null(identifier("suspended_by", "Who did it; null where the system or a command did.", BUILDER)),
        or_null(time("until", "When the suspension ends; null: when the user is restored.", "2026-04-01T00:00:00Z")),
    ),
    event_type(
        "auth.user.restored",
        "Happens when a suspended end user may sign in again.",
        _USER_ID,
        or_null(identifier("restored_by", "Who did it; null where the suspension ended by itself.", BUILDER)),
    ),
    event_type(
        "auth.user.email_verified",
        "Happens when an end user has shown that an e-mail address is theirs.",
        _USER_ID,
        email("email", "The address that was verified.", "ada@globex.example"),
        text("method", "How, such as link, code or provider.", "link"),
        time("verified_at", "When the address was verified.", "2026-03-02T09:30:00Z"),
    ),
    event_type(
        "auth.session.created",
        "Happens when an end user has signed in.",
        _SESSION_ID,
        _USER_ID,
        _METHOD,
        _PROVIDER,
        flag("mfa", "Whether a second factor was used.", True),
        _IP,
        or_null(
            text("user_agent", "The client's user agent; null where it sent none.", "Mozilla/5.0 (X11; Linux x86_64)")
        ),
        or_null(time("expires_at", "Until when the session lasts; null: no set time.", "2026-03-16T09:30:00Z")),
    ),
    event_type(
        "auth.session.revoked",
        "Happens when a session is ended before its time, by signing out or by somebody else.",
        _SESSION_ID,
        _USER_ID,
        or_null(text("reason", "Why, such as sign_out, password_changed or admin.", "sign_out")),
        or_null(identifier("revoked_by", "Who ended it; null where the system or a command did.", USER)),
    ),
    event_type(
        "auth.sign_in.failed",
        "Happens when somebody tried to sign in and could not.",
        or_null(identifier("user_id", "The user they tried to be; null where there is none.", USER)),
        text("method", "How they tried to sign in, such as password or sso.", "password"),
        _PROVIDER,
        text("reason", "Why it failed, such as wrong_credentials, suspended or mfa_failed.", "wrong_credentials"),
        _IP,
        count("attempt_count", "How many attempts have failed in a row, this one included.", 3),
    ),
    event_type(
        "auth.password.changed",
        "Happens when an end user's password is changed or reset.",
        _USER_ID,
        text("via", "How, such as settings, reset or admin.", "reset"),
        count("sessions_revoked", "How many other sessions were ended by it.", 2),
    ),
    event_type(
        "auth.mfa.enabled",
        "Happens when an end user adds a second factor.",
        _USER_ID,
        _FACTOR_ID,
        _FACTOR_TYPE,
    ),
    event_type(
        "auth.mfa.disabled",
        "Happens when a second factor of an end user is removed.",
        _USER_ID,
        _FACTOR_ID,
        _FACTOR_TYPE,
        or_null(identifier("disabled_by", "Who removed it; null where the system or a command did.", USER)),
    ),
    event_type(
        "auth.directory_sync.completed",
        "Happens when users have been brought in line with an organization's directory.",
        identifier("connection_id", "The connection to the directory.", "con_6Rf48tGm"),
        identifier("organization_id", "The organization whose directory it is.", ORGANIZATION),
        text("status", "How it went, such as succeeded, partial or failed.", "succeeded"),
        count("created", "How many users were added.", 12),
        count("updated", "How many users were changed.", 3),
        count("deprovisioned", "How many users lost their access.", 1),
        count("errors", "How many users could not be brought in line.", 0),
        time("finished_at", "When the run ended.", "2026-03-02T09:30:00Z"),
    ),
)
