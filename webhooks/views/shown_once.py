"""A secret on its way to the one page that shows it: created, revealed or rotated by a POST, seen after the redirect.

Until then it waits in the session, encrypted like at rest (S29), and for five minutes at most.
"""

from datetime import timedelta

from django.utils import timezone

from switera_webhooks.encryption import decrypt, encrypt
from webhooks.models import Endpoint
from webhooks.views.access import PageRequest

_WAITS = timedelta(minutes=5)


def show_secret_once(page: PageRequest, endpoint: Endpoint, secret: str) -> None:
    """The next page that asks for it shows it."""
    until = (timezone.now() + _WAITS).timestamp()
    page.http.session[_key(endpoint)] = [encrypt(secret), until]


def take_secret(page: PageRequest, endpoint: Endpoint) -> str | None:
    """The secret, once; None for a viewer, and where there is none to show."""
    waiting = page.http.session.pop(_key(endpoint), None)
    if waiting is None or not page.can_change:
        return None
    ciphertext, until = waiting
    return decrypt(ciphertext) if timezone.now().timestamp() < until else None


def _key(endpoint: Endpoint) -> str:
    return f"secret_of_{endpoint.public_id}"
