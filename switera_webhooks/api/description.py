"""The words at the head of the OpenAPI document."""

from typing import Any

DESCRIPTION = """\
Emit events, manage endpoints, and read what was delivered.

**Keys.** Every request carries `Authorization: Bearer sk_live_…` or `sk_test_…`. The key's environment is that of
all endpoints, events and deliveries it creates and sees; what belongs to the other environment, or to another app,
answers 404 like what is not there. Event types and organizations belong to both: a test key reads but does not change
them.

**Errors** are `{"code", "message", "details"}`: a word for programs, a sentence for people, and the fields that are
wrong, each with its sentences. 400 malformed, 401 no or bad key, 403 this key may not, 404 not there, 409 the present
state does not allow it, 413 too large, 429 too many: `Retry-After` says for how long.

**Lists** are `{"items", "next", "previous"}`, newest first. `next` and `previous` are cursors for `?cursor=`, or null;
a page stays the same however many rows arrive meanwhile. `?limit=` is 50 by default and 250 at most.

**Times** are ISO 8601 in UTC. A filter's time needs its offset, such as `2026-01-31T12:00:00Z`.
"""

TAGS = [
    {"name": "Events", "description": "What happened: emitted once, delivered to every subscribed endpoint."},
    {"name": "Event types", "description": "The catalog: built-in types, and those of the app's own."},
    {"name": "Endpoints", "description": "HTTPS destinations that receive webhook messages."},
    {"name": "Organizations", "description": "The app's customer accounts: members, invitations, domains."},
    {"name": "Deliveries", "description": "One event on its way to one endpoint, and every attempt of it."},
    {"name": "Replays", "description": "Jobs that send many deliveries again, or those that an endpoint missed."},
    {"name": "Audit log", "description": "Who changed, revealed, retried or started what."},
    {"name": "Platform", "description": "Built-in events by Switera's own services, with the platform key."},
]


def describe(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """What SPECTACULAR_SETTINGS names as a hook: the document with its description and tags."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = TAGS
    return result
