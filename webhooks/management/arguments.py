"""What commands are told in words, found: apps and people."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from webhooks.app_setup import find_app
from webhooks.models import App


def app_named(id_or_slug: str) -> App:
    """The app of this id or slug. Raises CommandError."""
    app = find_app(id_or_slug)
    if app is None:
        raise CommandError(f"There is no app with the id or slug {id_or_slug!r}.")
    return app


def user_with_email(email: str) -> User:
    """The one user with this address, in any case of letters. Raises CommandError."""
    users = list(User.objects.filter(email__iexact=email)[:2]) if email else []
    if not users:
        raise CommandError(
            f"There is no user with the e-mail address {email!r}: `manage.py createsuperuser` makes the first."
        )
    if len(users) > 1:
        raise CommandError(f"Several users have the e-mail address {email!r}: give one of them another.")
    return users[0]
