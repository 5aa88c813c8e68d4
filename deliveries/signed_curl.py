"""A delivery's request as a `curl` command, for a Builder to run at a terminal."""

import shlex

from django.db import transaction
from django.utils import timezone

from deliveries.delivery_actions import record_of_delivery
from deliveries.engine.destinations import Message, destination_of, headers_of_every_request, signed_headers
from deliveries.models import Delivery
from deliveries.transport.sender import Headers
from switera_webhooks.refusals import Conflict
from webhooks.audit import Actor
from webhooks.models import Endpoint

# Linux takes 131,071 bytes in one argument; what is longer goes to curl through a pipe.
_ARGUMENT_BYTES = 100_000


def signed_curl_command(delivery: Delivery, actor: Actor) -> str:
    """The command that sends this delivery's message with a signature of now; that it was given out is on record.

    For owners and developers (S29); whoever calls this has checked that. A receiver takes the message for five
    minutes. The headers are those of the last attempt, with a placeholder for each value of the Builder's own.
    Raises Conflict where there is no secret to sign with: the endpoint is deleted, or the secret cannot be decrypted.
    """
    with transaction.atomic():
        endpoint = Endpoint.objects.prefetch_related("secrets").get(pk=delivery.endpoint_id)
        destination = destination_of(endpoint)
        if destination.problem:
            raise Conflict(destination.problem, code="cannot_sign")
        now = timezone.now()
        keys = destination.keys_at(now)
        if not keys:
            raise Conflict(
                "The endpoint of this delivery is deleted: there is no secret to sign with.", code="endpoint_deleted"
            )
        message = Message(
            delivery.event_id,
            delivery.event_type,
            delivery.pk,
            max(delivery.attempt_count, 1),
            delivery.event.payload.encode(),
        )
        headers = (
            *headers_of_every_request(),
            *signed_headers(message, int(now.timestamp()), keys),
            *((name, f"<value of {name}>") for name in endpoint.headers),
        )
        record_of_delivery(delivery, actor, "delivery.curl.signed", {"endpoint_id": endpoint.public_id})
    return _command(destination.url, headers, message.body)


def _command(url: str, headers: Headers, body: bytes) -> str:
    """For any POSIX shell: every byte of the URL and the body arrives as it is."""
    text = shlex.quote(body.decode())
    piped = len(body) > _ARGUMENT_BYTES
    lines = [
        # As they stand: curl would expand [1-3] and {a,b}, and resolve `..`.
        f"curl --include --globoff --path-as-is {shlex.quote(url)}",
        *(f"--header {shlex.quote(f'{name}: {value}')}" for name, value in headers),
        "--data-binary @-" if piped else f"--data-raw {text}",
    ]
    command = " \\\n  ".join(lines)
    # printf is part of the shell, so no limit of arguments holds for it.
    return f"printf %s {text} | {command}" if piped else command
