"""The platform key: Switera's own services emit built-in events with it, for any app (catalog.md).

It is in no database: the operator sets the hashes of the keys that are good in WEBHOOKS_PLATFORM_KEY_HASHES.
"""

import hmac

from django.conf import settings

from webhooks.key_texts import digest_of, new_key_text, prefix_of

PREFIX = "sk_platform_"


def new_platform_key() -> tuple[str, str]:
    """A new key, which is shown here and never again, and its hash in hexadecimal digits. Nothing is written."""
    text = new_key_text(PREFIX)
    return text, digest_of(text).hex()


def is_platform_key(text: str) -> bool:
    """Whether this is a key whose hash the operator has set; each comparison takes the same time (S30)."""
    if prefix_of(text) != PREFIX:
        return False
    digest = digest_of(text)
    good: tuple[bytes, ...] = settings.WEBHOOKS_PLATFORM_KEY_HASHES
    return any(hmac.compare_digest(digest, one) for one in good)
