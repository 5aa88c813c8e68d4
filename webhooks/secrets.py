"""Endpoint secrets: made, revealed, rotated, erased. In the database they are encrypted (S29)."""

import base64
import datetime as dt
import secrets
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from switera_webhooks.encryption import decrypt, encrypt
from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks import audit
from webhooks.audit import Actor
from webhooks.happenings import EndpointUpdated, tell
from webhooks.models import Endpoint, EndpointSecret

MAX_OVERLAP = 604_800  # seconds: a week
DEFAULT_OVERLAP = 86_400
# Each adds a signature of 47 bytes to a header; receivers take some 8 KiB of them.
MAX_SECRETS = 10
_SECRET_BYTES = 32
# What a page shows of a secret until it is revealed: nothing of it.
MASKED_SECRET = "whsec_••••••••"  # noqa: S105


@dataclass(frozen=True)
class SecretInForce:
    """A secret that signs now; without `expires_at` it is the current one."""

    created_at: dt.datetime
    expires_at: dt.datetime | None


@dataclass(frozen=True)
class RotatedSecret:
    """`text` is the new secret, for showing once; `in_force` all that sign now, the new one first."""

    text: str
    in_force: tuple[SecretInForce, ...]


def new_secret_text() -> str:
    """`whsec_` and 32 random bytes in base64 (Standard Webhooks 1.0.0, "Secrets")."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def create_secret(endpoint: Endpoint) -> str:
    """The endpoint's current secret, new. The caller has ended the one before."""
    text = new_secret_text()
    EndpointSecret.objects.create(endpoint=endpoint, ciphertext=encrypt(text))
    return text


def reveal_secret(endpoint: Endpoint, actor: Actor) -> str:
    """The current secret in full; that it was shown is on record. Raises Conflict (deleted meanwhile)."""
    with transaction.atomic():
        _lock(endpoint)
        text = decrypt(EndpointSecret.objects.get(endpoint=endpoint, expires_at=None).ciphertext)
        audit.record_of_endpoint(endpoint, actor, "endpoint.secret.revealed")
    return text


def secrets_in_force(endpoint: Endpoint) -> tuple[SecretInForce, ...]:
    """When each secret that signs now was made and when it ends, newest first: several after a rotation.

    None of a deleted endpoint.
    """
    rows = EndpointSecret.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), endpoint=endpoint)
    return tuple(SecretInForce(row.created_at, row.expires_at) for row in rows.order_by("-id"))


def rotate_secret(endpoint: Endpoint, overlap_seconds: int, actor: Actor) -> RotatedSecret:
    """A new secret; the one before signs beside it for the overlap.

    A secret that is already on its way out keeps its own end. Raises InvalidInput (overlap), Conflict (MAX_SECRETS
    sign already, or the endpoint was deleted meanwhile).
    """
    if not 0 <= overlap_seconds <= MAX_OVERLAP:
        raise InvalidInput(
            f"The overlap is 0 to {MAX_OVERLAP} seconds.",
            details={"overlap": [f"Give 0 to {MAX_OVERLAP} seconds."]},
        )
    with transaction.atomic():
        _lock(endpoint)
        now = timezone.now()
        secrets_of_endpoint = EndpointSecret.objects.filter(endpoint=endpoint)
        secrets_of_endpoint.filter(expires_at__lte=now).delete()
        if overlap_seconds == 0:
            secrets_of_endpoint.delete()
        elif secrets_of_endpoint.count() >= MAX_SECRETS:
            raise Conflict(
                f"{MAX_SECRETS} secrets sign already: wait until one ends, or rotate with an overlap of 0.",
                code="too_many_secrets",
            )
        else:
            expires_at = now + dt.timedelta(seconds=overlap_seconds)
            secrets_of_endpoint.filter(expires_at=None).update(expires_at=expires_at)
        text = create_secret(endpoint)
        Endpoint.objects.filter(pk=endpoint.pk).update(version=F("version") + 1)
        audit.record_of_endpoint(endpoint, actor, "endpoint.secret.rotated", {"overlap": overlap_seconds})
        tell(EndpointUpdated(endpoint, ["secret"], actor))
        return RotatedSecret(text, secrets_in_force(endpoint))


def _lock(endpoint: Endpoint) -> None:
    """One change of secrets at a time, and none of a deleted endpoint."""
    if Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk).deleted_at is not None:
        raise Conflict("This endpoint is deleted.", code="endpoint_deleted")


def erase_secrets(endpoint: Endpoint) -> None:
    """For an endpoint that is being deleted."""
    EndpointSecret.objects.filter(endpoint=endpoint).delete()
