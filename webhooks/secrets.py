"""Endpoint secrets: made, revealed, rotated, erased. In the database they are encrypted (S29)."""

import base64
import datetime as dt
import secrets

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from switera_webhooks.encryption import decrypt, encrypt
from switera_webhooks.refusals import InvalidInput
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import Endpoint, EndpointSecret

MAX_OVERLAP = 604_800  # seconds: a week
DEFAULT_OVERLAP = 86_400
_SECRET_BYTES = 32


def new_secret_text() -> str:
    """`whsec_` and 32 random bytes in base64 (Standard Webhooks 1.0.0, "Secrets")."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def create_secret(endpoint: Endpoint) -> str:
    """The endpoint's current secret, new. The caller has ended the one before."""
    text = new_secret_text()
    EndpointSecret.objects.create(endpoint=endpoint, ciphertext=encrypt(text))
    return text


def reveal_secret(endpoint: Endpoint, actor: Actor) -> str:
    """The current secret in full; that it was shown is on record."""
    with transaction.atomic():
        secret = EndpointSecret.objects.get(endpoint=endpoint, expires_at=None)
        _record(endpoint, actor, "endpoint.secret.revealed")
    return decrypt(secret.ciphertext)


def rotate_secret(endpoint: Endpoint, overlap_seconds: int, actor: Actor) -> str:
    """A new secret; the one before signs beside it for the overlap. Raises InvalidInput (overlap).

    A secret that is already on its way out keeps its own, earlier or later, end.
    """
    if not 0 <= overlap_seconds <= MAX_OVERLAP:
        raise InvalidInput(
            f"The overlap is 0 to {MAX_OVERLAP} seconds.",
            details={"overlap": [f"Give 0 to {MAX_OVERLAP} seconds."]},
        )
    with transaction.atomic():
        # One rotation at a time: the row lock makes the second wait and end the first one's secret.
        Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        expires_at = timezone.now() + dt.timedelta(seconds=overlap_seconds)
        if overlap_seconds == 0:
            endpoint.secrets.all().delete()
        else:
            EndpointSecret.objects.filter(endpoint=endpoint, expires_at=None).update(expires_at=expires_at)
        text = create_secret(endpoint)
        Endpoint.objects.filter(pk=endpoint.pk).update(version=F("version") + 1)
        _record(endpoint, actor, "endpoint.secret.rotated", {"overlap": overlap_seconds})
    return text


def erase_secrets(endpoint: Endpoint) -> None:
    """For an endpoint that is being deleted."""
    EndpointSecret.objects.filter(endpoint=endpoint).delete()


def _record(endpoint: Endpoint, actor: Actor, action: str, changes: dict[str, object] | None = None) -> None:
    audit.record(
        endpoint.app,
        actor,
        action,
        target_type="endpoint",
        target_id=endpoint.public_id,
        target_name=str(endpoint),
        changes=changes,
    )
