"""A secret or key on its way to the one page that shows it: made or revealed by a POST, seen after the redirect.

Until then it waits in the session, encrypted like at rest (S29), and for five minutes at most.
"""

from datetime import timedelta

from django.utils import timezone

from switera_webhooks.encryption import decrypt, encrypt
from webhooks.models import ApiKey, Endpoint
from webhooks.views.access import PageRequest

_WAITS = timedelta(minutes=5)


def show_secret_once(page: PageRequest, of: Endpoint | ApiKey, secret: str) -> None:
    """The next page that asks for it shows it."""
    until = (timezone.now() + _WAITS).timestamp()
    page.http.session[_key(of)] = [encrypt(secret), until]


def take_secret(page: PageRequest, of: Endpoint | ApiKey) -> str | None:
    """The secret, once; None for a viewer, and where there is none to show."""
    waiting = page.http.session.pop(_key(of), None)
    if waiting is None or not page.can_change:
        return None
    ciphertext, until = waiting
    return decrypt(ciphertext) if timezone.now().timestamp() < until else None


def _key(of: Endpoint | ApiKey) -> str:
    return f"secret_of_{of.public_id}"
