"""Encryption at rest for secrets and header values, with keys that are not in the database (S29).

Fernet (AES-128-CBC with HMAC-SHA256). The first key of WEBHOOKS_ENCRYPTION_KEYS encrypts, all decrypt, so
that a key is rotated by putting the new one first.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class CannotDecrypt(Exception):
    """None of the configured keys opens this text."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured(
            "WEBHOOKS_ENCRYPTION_KEYS is empty: set it to a Fernet key, for example the output of "
            "`openssl rand -base64 32 | tr '+/' '-_'`."
        )
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "WEBHOOKS_ENCRYPTION_KEYS holds something that is not a Fernet key (32 bytes in URL-safe base64)."
        ) from error


def check_keys() -> None:
    """Raises ImproperlyConfigured where the keys are missing or malformed."""
    _cipher(tuple(settings.WEBHOOKS_ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    """The text under the first key."""
    return _cipher(tuple(settings.WEBHOOKS_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


@lru_cache(maxsize=10_000)
def _decrypt(keys: tuple[str, ...], token: str) -> str:
    try:
        return _cipher(keys).decrypt(token).decode()
    except InvalidToken as error:
        raise CannotDecrypt(
            "A stored secret cannot be decrypted: the key that encrypted it is missing from WEBHOOKS_ENCRYPTION_KEYS."
        ) from error


def decrypt(token: str) -> str:
    """The text behind a token; remembered, since a worker opens the same secrets at every batch.

    Raises CannotDecrypt where the key that encrypted it is no longer configured.
    """
    return _decrypt(tuple(settings.WEBHOOKS_ENCRYPTION_KEYS), token)


def under_first_key(token: str) -> str | None:
    """The same text under the first key, for a token that another key encrypted; None where the first one did.

    Raises CannotDecrypt where the key that encrypted it is not configured.
    """
    keys = tuple(settings.WEBHOOKS_ENCRYPTION_KEYS)
    try:
        _cipher(keys[:1]).decrypt(token)
    except InvalidToken:
        return encrypt(_decrypt(keys, token))
    return None
