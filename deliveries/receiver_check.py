"""Whether a receiver verifies what it gets: one message as it should be, and several that must be refused.

They leave through the same guard and transport as deliveries, as test sends of `webhook.test`, and are not deliveries:
nothing of them is in the history, in figures or in an endpoint's health. That it was done is on record (S46).
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deliveries.engine.destinations import Destination, Message, destination_of, signed_headers
from deliveries.transport.sender import Headers, OutboundRequest, Outcome, Sender
from deliveries.transport.sender_factory import make_sender
from deliveries.transport.signing import decode_secret
from events.payload import Envelope, build_payload
from switera_webhooks.ids import new_id
from switera_webhooks.refusals import Conflict
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import Endpoint
from webhooks.secrets import new_secret_text

_TYPE = "webhook.test"
# Libraries of the standard take a timestamp that is five minutes off; this is far beyond.
_AN_HOUR = 3_600


class Verdict(StrEnum):
    """`unclear`: it was refused, but not with a 4xx, which alone says that the message is at fault."""

    GOOD = "good"
    UNCLEAR = "unclear"
    BAD = "bad"


@dataclass(frozen=True)
class Probe:
    """One message and what came of it; `status` is None where there was no answer, `error` says then why."""

    name: str
    should_accept: bool
    status: int | None
    error: str

    @property
    def verdict(self) -> Verdict:
        accepted = self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        if self.should_accept:
            return Verdict.GOOD if accepted and not self.error else Verdict.BAD
        if accepted:
            return Verdict.BAD
        refused = self.status is not None and HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
        return Verdict.GOOD if refused else Verdict.UNCLEAR


def check_receiver(endpoint: Endpoint, actor: Actor) -> list[Probe]:
    """Send each message in turn, the good one first; also to a disabled endpoint.

    Raises Conflict where there is no secret to sign with: the endpoint is deleted, or the secret cannot be decrypted.
    """
    destination = destination_of(Endpoint.objects.prefetch_related("secrets").get(pk=endpoint.pk))
    keys = destination.keys_at(timezone.now())
    if destination.problem or not keys:
        raise Conflict(destination.problem or "This endpoint is deleted.", code="cannot_sign")
    sender = make_sender()
    try:
        probes = [_sent(sender, endpoint, destination, message) for message in _messages(endpoint, actor, keys)]
    finally:
        sender.close()
    with transaction.atomic():
        verdicts = {probe.name: probe.verdict.value for probe in probes}
        audit.record_of_endpoint(endpoint, actor, "endpoint.checked", {"verdicts": verdicts})
    return probes


@dataclass(frozen=True)
class _Made:
    name: str
    should_accept: bool
    headers: Headers
    body: bytes


def _messages(endpoint: Endpoint, actor: Actor, keys: list[bytes]) -> Iterator[_Made]:
    now = int(timezone.now().timestamp())

    def signed(timestamp: int = now, by: list[bytes] | None = None) -> tuple[Headers, bytes]:
        message = _message(endpoint, actor)
        return signed_headers(message, timestamp, by or keys), message.body

    def changed(name: str, value: str | None) -> tuple[Headers, bytes]:
        headers, body = signed()
        rest = tuple(header for header in headers if header[0] != name)
        return (rest if value is None else (*rest, (name, value))), body

    yield _Made("signed as every message is", True, *signed())
    yield _Made("signed with another secret", False, *signed(by=[decode_secret(new_secret_text())]))
    headers, body = signed()
    yield _Made("body changed after signing", False, headers, body.replace(b"This is", b"This was"))
    yield _Made("webhook-id changed after signing", False, *changed("webhook-id", f"evt_{uuid.uuid4().hex[:26]}"))
    yield _Made("webhook-timestamp changed after signing", False, *changed("webhook-timestamp", str(now - 1)))
    yield _Made("signed an hour ago", False, *signed(now - _AN_HOUR))
    yield _Made("signed in an hour's time", False, *signed(now + _AN_HOUR))
    for name in ("webhook-signature", "webhook-timestamp", "webhook-id"):
        yield _Made(f"without {name}", False, *changed(name, None))
    yield _Made("empty webhook-signature", False, *changed("webhook-signature", "v1,"))


def _message(endpoint: Endpoint, actor: Actor) -> Message:
    """Each with an id of its own, so that no receiver refuses it because it had it before."""
    event_id = new_id()
    data = {
        "message": "This is a check of whether the receiver verifies.",
        "sent_by": actor.name,
        "endpoint_id": endpoint.public_id,
    }
    envelope = Envelope(
        event_id, _TYPE, timezone.now(), endpoint.app, endpoint.environment, endpoint.organization_id, test=True
    )
    return Message(event_id, _TYPE, new_id(), 1, build_payload(envelope, data).encode())


def _sent(sender: Sender, endpoint: Endpoint, destination: Destination, made: _Made) -> Probe:
    timeout = settings.WEBHOOKS_TIMEOUT
    sender.start(
        OutboundRequest(
            made.name, endpoint.app_id, destination.url, made.headers, made.body, timeout, destination.headers
        )
    )
    outcomes: list[Outcome] = []
    while not outcomes:  # the sender keeps the wall clock
        outcomes = sender.finished(1.0)
    [outcome] = outcomes
    error = "" if outcome.error_code is None else outcome.error
    return Probe(made.name, made.should_accept, outcome.status, error)
