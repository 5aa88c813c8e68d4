"""What several commands are told in words, and what it names: apps, environments and people."""

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from switera_webhooks.environments import Environment
from webhooks.app_setup import find_app
from webhooks.models import App


def add_app_argument(parser: ArgumentParser) -> None:
    """For `app_named`."""
    parser.add_argument("app", metavar="APP", help="the app's id or slug")


def add_environment_argument(parser: ArgumentParser, help: str) -> None:
    """Live where nothing is said, which `help` says too."""
    parser.add_argument("--environment", choices=Environment.values, default=Environment.LIVE.value, help=help)


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
