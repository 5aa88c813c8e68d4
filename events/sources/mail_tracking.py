"""`email.delivered`, `.delayed`, `.bounced`, `.complained`, `.suppressed`, `.failed`: what the mail service says.

django-anymail reads the webhooks of a dozen mail services, and tells of them in one signal. App and environment are
in the metadata that the message was sent with (events/sources/email.py). Imported where django-anymail is installed.
"""

import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from django.dispatch import receiver
from django.utils import timezone

from events.emit import reserved_key
from events.sources.emitting import emit_built_in
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.times import iso
from webhooks.app_setup import find_app
from webhooks.models import App, Organization

logger = logging.getLogger(__name__)

# Why a mail service keeps from sending to an address, in the words of `email.suppressed`.
_ORIGINS = {
    RejectReason.BOUNCED: "bounce",
    RejectReason.TIMED_OUT: "bounce",
    RejectReason.SPAM: "complaint",
    RejectReason.UNSUBSCRIBED: "unsubscribe",
    RejectReason.BLOCKED: "policy",
}
_SMTP_STATUS = re.compile(r"(?:smtp;)?\s*([245]\d\d)\b")


@receiver(tracking)
def _tracked(event: AnymailTrackingEvent, esp_name: str, **_: Any) -> None:
    told = _told(event)
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    app_id, email_id = metadata.get("switera_app"), metadata.get("switera_email_id")
    if told is None or not app_id or not email_id:
        return
    app = find_app(str(app_id))
    environment = metadata.get("switera_environment")
    if app is None or environment not in Environment.values or not event.recipient:
        logger.error("%s told of a mail whose app, environment or recipient is not known.", esp_name)
        return
    type, data = told
    emit_built_in(
        app,
        type,
        {"email_id": str(email_id), "to": event.recipient, **data},
        environment=str(environment),
        organization_id=_organization_of(app, metadata.get("switera_organization"), esp_name),
        timestamp=event.timestamp,
        # A mail service that got no answer tells it again.
        idempotency_key=event.timestamp and reserved_key(f"{email_id} {type} {event.recipient} {event.timestamp}"),
    )


def _organization_of(app: App, public_id: object, esp_name: str) -> uuid.UUID | None:
    """None where it was deleted since the mail left: then no organization's endpoint gets what is told of it."""
    if not public_id:
        return None
    key = from_public_id(Prefix.ORGANIZATION, str(public_id))
    if key is not None and Organization.objects.filter(app=app, pk=key).exists():
        return key
    logger.warning("%s told of a mail of %s whose organization is gone: the event has none.", esp_name, app.public_id)
    return None


def _told(event: AnymailTrackingEvent) -> tuple[str, dict[str, object]] | None:
    """The event's type and its own fields; None for what is none of ours, such as an opened mail."""
    reason = event.mta_response or event.description or None
    status = _smtp_status(event)
    match event.event_type:
        case EventType.DELIVERED:
            return "email.delivered", {"delivered_at": iso(event.timestamp or timezone.now()), "smtp_code": status}
        case EventType.DEFERRED:
            return "email.delayed", {"reason": reason, "attempt": None, "next_attempt_at": None}
        case EventType.BOUNCED:
            hard = status is None or status >= 500
            bounce_type = "hard" if hard else "soft"
            # Mail services send no more to an address that bounced for good, or that complained.
            return "email.bounced", {
                "bounce_type": bounce_type,
                "bounce_subtype": event.reject_reason,
                "reason": reason,
                "suppressed": hard,
            }
        case EventType.COMPLAINED:
            return "email.complained", {"feedback_type": None, "suppressed": True}
        case EventType.REJECTED if event.reject_reason in _ORIGINS:
            return "email.suppressed", {"origin": _ORIGINS[event.reject_reason], "suppression_id": None}
        case EventType.REJECTED | EventType.FAILED:
            return "email.failed", {"stage": "sending", "reason": reason}
    return None


def _smtp_status(event: AnymailTrackingEvent) -> int | None:
    found = _SMTP_STATUS.match(event.mta_response or "")
    return None if found is None else int(found[1])
