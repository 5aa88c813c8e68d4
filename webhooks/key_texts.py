"""What a key looks like: a prefix that says what it opens, 43 random characters (256 bits), 6 of checksum.

The checksum tells a mistyped or truncated key without asking the database, and lets secret scanners recognise
a real one. Only SHA-256 of a key is kept: 256 random bits need no slow hash (docs/decisions).
"""

import hashlib
import hmac
import re
import secrets
import zlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 43
_CHECKSUM_LENGTH = 6  # CRC-32 in base 62
_SHAPE = re.compile(rf"(sk_[a-z]+_)[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")


def new_key_text(prefix: str) -> str:
    """A new key that begins so, such as `sk_live_`."""
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def prefix_of(text: str) -> str | None:
    """What the key begins with; None where the text is no key at all: malformed, mistyped or cut off."""
    shape = _SHAPE.fullmatch(text)
    if shape is None or not hmac.compare_digest(_checksum(text[:-_CHECKSUM_LENGTH]), text[-_CHECKSUM_LENGTH:]):
        return None
    return shape[1]


def digest_of(text: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
