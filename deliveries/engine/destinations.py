"""Where claimed deliveries go and what signs them, remembered by endpoint and version.

A claim tells each endpoint's version, so an edit, a rotation or a deletion holds for the very next attempt.
"""

import datetime as dt
import logging
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from deliveries.engine.statements import Claimed
from deliveries.transport.sender import Headers, OutboundRequest
from deliveries.transport.signing import decode_secret, signature_header
from switera_webhooks.encryption import CannotDecrypt, decrypt
from switera_webhooks.ids import Prefix, to_public_id
from webhooks.models import Endpoint

logger = logging.getLogger(__name__)
_REMEMBERED = 16_384


@dataclass(frozen=True, slots=True)
class Destination:
    """An endpoint as a sender needs it."""

    version: int
    url: str
    # The same at every request: Builders' own headers, and those of every endpoint.
    headers: Headers
    # Signing keys and when each ends, newest first.
    keys: tuple[tuple[bytes, dt.datetime | None], ...]
    # Why nothing can be sent there, in a sentence; empty where it can.
    problem: str = ""

    def keys_at(self, now: dt.datetime) -> list[bytes]:
        """The keys that sign at that moment: one, or several during a rotation."""
        return [key for key, expires_at in self.keys if expires_at is None or expires_at > now]


class Message(NamedTuple):
    """What one request tells a receiver; `attempt` counts from 1, `body` is the event's exact bytes."""

    event_id: uuid.UUID
    event_type: str
    delivery_id: uuid.UUID
    attempt: int
    body: bytes


class CannotSend(Exception):
    """A claimed delivery that cannot be turned into a request; the sentence says why."""


class Destinations:
    """A process' memory of endpoints, bounded."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._known: OrderedDict[uuid.UUID, Destination] = OrderedDict()

    def load(self, claimed: Sequence[Claimed]) -> None:
        """Read what is not known in its present version: two queries, whatever the number."""
        versions = {claim.endpoint_id: claim.endpoint_version for claim in claimed}
        wanted = []
        for endpoint_id, version in versions.items():
            known = self._known.get(endpoint_id)
            if known is not None and known.version == version:
                self._known.move_to_end(endpoint_id)  # what is used is forgotten last
            else:
                wanted.append(endpoint_id)
        if wanted:
            for endpoint in Endpoint.objects.filter(pk__in=wanted).prefetch_related("secrets"):
                self._known[endpoint.pk] = destination_of(endpoint)
                self._known.move_to_end(endpoint.pk)
        while len(self._known) > max(self._remembered, len(versions)):
            self._known.popitem(last=False)

    def requests(self, claimed: Sequence[Claimed]) -> Iterator[tuple[Claimed, OutboundRequest | CannotSend]]:
        """The signed request of each claimed delivery, or why there is none. They were loaded before."""
        now = timezone.now()
        timestamp = int(now.timestamp())
        timeout = settings.WEBHOOKS_TIMEOUT
        for claim in claimed:
            destination = self._known.get(claim.endpoint_id)
            keys = destination.keys_at(now) if destination is not None else []
            if destination is None or not keys:
                known = destination is not None and destination.problem
                yield claim, CannotSend(known or "The endpoint has no secret to sign with: it was deleted meanwhile.")
                continue
            body = claim.payload.encode()
            message = Message(claim.event_id, claim.event_type, claim.delivery_id, claim.attempt_count + 1, body)
            headers = signed_headers(message, timestamp, keys)
            yield (
                claim,
                OutboundRequest(claim, claim.app_id, destination.url, headers, body, timeout, destination.headers),
            )


def signed_headers(message: Message, timestamp: int, keys: Sequence[bytes]) -> Headers:
    """The headers that differ from request to request; `timestamp` is Unix seconds (S26, S27)."""
    message_id = to_public_id(Prefix.EVENT, message.event_id)
    return (
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", signature_header(message_id, timestamp, message.body, keys)),
        ("switera-delivery-id", to_public_id(Prefix.DELIVERY, message.delivery_id)),
        ("switera-attempt", str(message.attempt)),
        ("switera-event-type", message.event_type),
    )


def headers_of_every_request() -> Headers:
    """What every endpoint gets beside its Builder's own headers."""
    return (("content-type", "application/json"), ("user-agent", settings.WEBHOOKS_USER_AGENT))


def destination_of(endpoint: Endpoint) -> Destination:
    """The endpoint with its secrets and header values decrypted, or with the problem that it has."""
    secrets = sorted(endpoint.secrets.all(), key=lambda secret: secret.created_at, reverse=True)
    try:
        headers = (
            *headers_of_every_request(),
            *((name, decrypt(value)) for name, value in endpoint.headers.items()),
        )
        keys = tuple((decode_secret(decrypt(secret.ciphertext)), secret.expires_at) for secret in secrets)
    except (CannotDecrypt, ValueError) as error:
        logger.error("Endpoint %s: %s", endpoint.public_id, error)
        return Destination(endpoint.version, endpoint.url, (), (), str(error))
    return Destination(endpoint.version, endpoint.url, headers, keys)
