"""Signing what is sent (Standard Webhooks 1.0.0, "Signature scheme")."""

import base64
import binascii
import hmac
from collections.abc import Sequence

_SECRET_PREFIX = "whsec_"  # noqa: S105 (the prefix of secrets)


class SecretMalformedError(ValueError):
    """The text is no `whsec_` secret; the message does not repeat it."""


def decode_secret(text: str) -> bytes:
    """The signing key in a secret: the bytes that its base64 stands for. Raises SecretMalformedError."""
    if not text.startswith(_SECRET_PREFIX):
        raise SecretMalformedError("A secret begins with whsec_.")
    try:
        return base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise SecretMalformedError("A secret is whsec_ and base64.") from None


def signature_header(message_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> str:
    """The value of `webhook-signature`: an entry a key, so that a receiver verifies during a rotation.

    `timestamp` is Unix seconds, as in `webhook-timestamp`; `body` the exact bytes that are sent (S26).
    """
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode('ascii')}" for key in keys)
