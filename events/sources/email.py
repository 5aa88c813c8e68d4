"""`email.sent` and `email.failed`: a mail backend around the real one, for messages that name an app in their headers.

    EmailMessage(
        subject, body, to=[address],
        headers={"X-Switera-App": "app_…", "X-Switera-Environment": "live", "X-Switera-Template": "invoice_paid"},
    ).send()

All headers that begin with X-Switera- are taken off before the message is sent. What becomes of it afterwards is told
by the mail service (events/sources/mail_tracking.py). An event holds nothing of a message's body.
"""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import make_msgid, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import DNS_NAME, EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DatabaseError, transaction

from events.sources.emitting import emit_built_in
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, from_public_id, new_id, to_public_id
from webhooks.app_setup import find_app
from webhooks.models import App

logger = logging.getLogger(__name__)

_OURS = "x-switera-"
# Further headers, and the fields of `email.sent` that they fill.
_FACTS = {"template": "template", "workflow": "workflow", "route": "route", "user": "user_id"}
# django-anymail's own words for what a mail service said about a recipient when it took the message.
_REFUSED = ("invalid", "rejected", "failed")


@dataclass(frozen=True)
class Mail:
    """Where the events of a message belong."""

    app: App
    environment: str
    organization_id: uuid.UUID | None
    email_id: str

    def emit(self, type: str, **data: object) -> None:
        """Beside what the caller does, not part of it: a message that has left stays sent if its event is lost."""
        try:
            with transaction.atomic():
                emit_built_in(
                    self.app,
                    type,
                    {"email_id": self.email_id, **data},
                    environment=self.environment,
                    organization_id=self.organization_id,
                )
        except DatabaseError as error:
            logger.error("%s of %s was not emitted: %s", type, self.app.public_id, error.__class__.__name__)


class EventEmailBackend(BaseEmailBackend):
    """Hands each message to EVENT_EMAIL_INNER_BACKEND, and tells what became of it. Raises what that one raises."""

    def __init__(self, fail_silently: bool = False, **options: Any) -> None:
        super().__init__(fail_silently=fail_silently)
        self._inner: BaseEmailBackend = get_connection(
            settings.EVENT_EMAIL_INNER_BACKEND, fail_silently=fail_silently, **options
        )

    def open(self) -> bool | None:
        return self._inner.open()

    def close(self) -> None:
        self._inner.close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        messages = list(email_messages)
        sent = 0
        opened = None
        try:
            for message in messages:
                with _taken_off(message) as ours:
                    mail = _mail(ours)
                    if mail is not None:
                        _mark(message, mail, has_metadata=hasattr(self._inner, "esp_name"))
                    try:
                        if opened is None and len(messages) > 1:
                            opened = bool(self._inner.open())  # one connection for all of them
                        accepted = self._inner.send_messages([message]) or 0
                    except Exception as error:  # of whatever backend: told, and raised again
                        if mail is not None:
                            _tell_failed(mail, message, error)
                        raise
                    sent += accepted
                    if mail is not None and accepted:
                        _tell_sent(mail, message, ours)
                    elif mail is not None:
                        _tell_failed(mail, message, None)
        finally:
            if opened:
                self._inner.close()
        return sent


@contextmanager
def _taken_off(message: EmailMessage) -> Iterator[Mapping[str, str]]:
    """What our headers say, by their lower-case names, while they are off. Afterwards the message is as it was."""
    headers = message.extra_headers
    before = dict(vars(message))
    ours = {
        name.lower().removeprefix(_OURS): str(value)
        for name, value in headers.items()
        if name.lower().startswith(_OURS)
    }
    message.extra_headers = {name: value for name, value in headers.items() if not name.lower().startswith(_OURS)}
    try:
        yield ours
    finally:
        message.extra_headers = headers
        if "metadata" in before:
            message.metadata = before["metadata"]  # type: ignore[attr-defined]
        else:
            vars(message).pop("metadata", None)


def _mail(ours: Mapping[str, str]) -> Mail | None:
    """None where the headers name no app and environment; if they try to, the log says what is wrong with them."""
    if "app" not in ours and "environment" not in ours:
        return None
    app = find_app(ours.get("app", ""))
    environment = ours.get("environment", "")
    if app is None or environment not in Environment.values:
        logger.error(
            "A mail was sent without its events: X-Switera-App or X-Switera-Environment is missing or unknown."
        )
        return None
    organization_id = None
    if "organization" in ours:
        organization_id = from_public_id(Prefix.ORGANIZATION, ours["organization"])
        if organization_id is None:
            logger.error("A mail of %s was sent without its events: X-Switera-Organization is no id.", app.public_id)
            return None
    return Mail(app, environment, organization_id, f"eml_{new_id().hex}")


def metadata_of(mail: Mail) -> dict[str, str]:
    """What the mail service gives back with all that it tells about the message."""
    metadata = {
        "switera_app": mail.app.public_id,
        "switera_environment": mail.environment,
        "switera_email_id": mail.email_id,
    }
    if mail.organization_id is not None:
        metadata["switera_organization"] = to_public_id(Prefix.ORGANIZATION, mail.organization_id)
    return metadata


def _mark(message: EmailMessage, mail: Mail, has_metadata: bool) -> None:
    if has_metadata:
        message.metadata = {**getattr(message, "metadata", {}), **metadata_of(mail)}  # type: ignore[attr-defined]
    elif not any(name.lower() == "message-id" for name in message.extra_headers):
        # As Django would, but so that it is known.
        message.extra_headers["Message-ID"] = make_msgid(domain=DNS_NAME.get_fqdn())


def _tell_sent(mail: Mail, message: EmailMessage, ours: Mapping[str, str]) -> None:
    facts = {field: ours.get(header) for header, field in _FACTS.items()}
    message_id = next((value for name, value in message.extra_headers.items() if name.lower() == "message-id"), None)
    # By recipient, where the backend is one of django-anymail's.
    statuses = getattr(getattr(message, "anymail_status", None), "recipients", {})
    for to in _recipients(message):
        status = statuses.get(to)
        if status is not None and status.status in _REFUSED:
            mail.emit("email.failed", to=to, stage="sending", reason=status.status)
            continue
        said = None if status is None or status.message_id is None else str(status.message_id)
        mail.emit(
            "email.sent",
            message_id=said or message_id,
            **facts,
            **{"from": message.from_email},
            to=to,
            subject=str(message.subject),
            queued_at=None,
        )


def _tell_failed(mail: Mail, message: EmailMessage, error: Exception | None) -> None:
    for to in _recipients(message):
        mail.emit("email.failed", to=to, stage="sending", reason=_reason(error, to))


def _reason(error: Exception | None, to: str) -> str | None:
    """The kind of error and the server's SMTP status; not its text, which may quote the message."""
    if error is None:  # with fail_silently the backend keeps it to itself
        return None
    status = getattr(error, "smtp_code", None)
    refused = getattr(error, "recipients", None)
    if isinstance(refused, dict) and to in refused:
        status = refused[to][0]
    kind = error.__class__.__name__
    return f"{kind} {status}" if isinstance(status, int) else kind


def _recipients(message: EmailMessage) -> list[str]:
    """The addresses without names, each once."""
    return list(dict.fromkeys(parseaddr(to)[1] or to for to in map(str, message.recipients())))
