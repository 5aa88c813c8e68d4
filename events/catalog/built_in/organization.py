"""`organization.*`: changes of an app's organizations, their members, invitations and domains."""

from events.catalog.built_in.declaration import (
    BUILDER,
    INVITATION,
    MEMBER,
    ORGANIZATION,
    USER,
    email,
    event_type,
    flag,
    identifier,
    listing,
    or_null,
    text,
    time,
)

_ID = identifier("id", "The organization.", ORGANIZATION)
_NAME = text("name", "The organization's name.", "Globex")
_SLUG = text("slug", "The organization's slug.", "globex")
_STATE = text("state", "The organization's state, such as active or suspended.", "active")

_ORGANIZATION_ID = identifier("organization_id", "The organization.", ORGANIZATION)
_MEMBER_ID = identifier("member_id", "The membership.", MEMBER)
_USER_ID = identifier("user_id", "The user who is the member.", USER)
_EMAIL = email("email", "The member's e-mail address.", "ada@globex.example")
_ROLE = text("role", "The member's role in the organization.", "member")

_INVITATION_ID = identifier("invitation_id", "The invitation.", INVITATION)
_INVITED = email("email", "The e-mail address that was invited.", "ada@globex.example")
_INVITED_ROLE = text("role", "The role that the invitation gives.", "member")

_DOMAIN = text("domain", "The domain.", "globex.example")

TYPES = (
    event_type(
        "organization.created",
        "Happens when an organization is added to the app.",
        _ID,
        _NAME,
        _SLUG,
        _STATE,
        time("created_at", "When the organization was added.", "2026-03-02T09:30:00Z"),
    ),
    event_type(
        "organization.updated",
        "Happens when an organization's name, slug or state is changed.",
        _ID,
        _NAME,
        _SLUG,
        _STATE,
        listing("changed_fields", "The fields that changed.", ["name"]),
    ),
    event_type(
        "organization.deleted",
        "Happens when an organization is removed from the app.",
        _ID,
        _SLUG,
        time("deleted_at", "When the organization was removed.", "2026-03-02T09:30:00Z"),
    ),
    event_type(
        "organization.member.added",
        "Happens when a user becomes a member of an organization.",
        _ORGANIZATION_ID,
        _MEMBER_ID,
        _USER_ID,
        _EMAIL,
        _ROLE,
        text("source", "How the member came in, such as invitation, domain or api.", "invitation"),
    ),
    event_type(
        "organization.member.updated",
        "Happens when a member's role in an organization is changed.",
        _ORGANIZATION_ID,
        _MEMBER_ID,
        _USER_ID,
        text("role", "The member's role now.", "admin"),
        text("previous_role", "The member's role before.", "member"),
    ),
    event_type(
        "organization.member.removed",
        "Happens when a user stops being a member of an organization.",
        _ORGANIZATION_ID,
        _MEMBER_ID,
        _USER_ID,
        text("role", "The role that the member had.", "member"),
        or_null(text("reason", "Why, such as removed, left or deprovisioned.", "left")),
    ),
    event_type(
        "organization.invitation.created",
        "Happens when somebody is invited to join an organization.",
        _INVITATION_ID,
        _ORGANIZATION_ID,
        _INVITED,
        _INVITED_ROLE,
        or_null(text("locale", "The language of the invitation, as a BCP 47 tag.", "en-GB")),
        or_null(time("expires_at", "Until when it can be accepted; null: for ever.", "2026-03-09T09:30:00Z")),
        or_null(identifier("invited_by", "Who invited; null where the system or a command did.", BUILDER)),
    ),
    event_type(
        "organization.invitation.accepted",
        "Happens when an invitation is accepted; the member is added at the same time.",
        _INVITATION_ID,
        _ORGANIZATION_ID,
        _INVITED,
        identifier("user_id", "The user who accepted.", USER),
        _INVITED_ROLE,
        time("accepted_at", "When the invitation was accepted.", "2026-03-02T11:05:12Z"),
    ),
    event_type(
        "organization.invitation.revoked",
        "Happens when an invitation is withdrawn before it was accepted.",
        _INVITATION_ID,
        _ORGANIZATION_ID,
        _INVITED,
        or_null(identifier("revoked_by", "Who withdrew it; null where the system or a command did.", BUILDER)),
    ),
    event_type(
        "organization.invitation.expired",
        "Happens when an invitation runs out without having been accepted.",
        _INVITATION_ID,
        _ORGANIZATION_ID,
        _INVITED,
        time("expired_at", "When the invitation ran out.", "2026-03-09T09:30:00Z"),
    ),
    event_type(
        "organization.domain.verified",
        "Happens when an organization has proved that a domain is its own.",
        _ORGANIZATION_ID,
        _DOMAIN,
        text("method", "How it was proved, such as dns_txt.", "dns_txt"),
        flag("auto_join", "Whether users with an address at the domain join by themselves.", True),
        time("verified_at", "When the domain was verified.", "2026-03-02T09:30:00Z"),
    ),
    event_type(
        "organization.domain.removed",
        "Happens when a domain is taken from an organization.",
        _ORGANIZATION_ID,
        _DOMAIN,
        or_null(identifier("removed_by", "Who removed it; null where the system or a command did.", BUILDER)),
    ),
)
