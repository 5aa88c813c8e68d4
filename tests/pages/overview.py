"""What the tests of the tab Overview share: an app without traffic, and how it is looked at."""

from typing import Any

from django.contrib.auth.models import User

from tests.deliveries.traffic import NOW, clock
from tests.factories import ACTOR
from tests.pages.conftest import client_of
from webhooks.app_setup import create_app
from webhooks.members import add_member
from webhooks.models import App, Role


def make_shop() -> App:
    """An app of the owner olga, at which vera is a viewer."""
    app = create_app("Shop", owner=User.objects.create_user("olga"), actor=ACTOR).app
    add_member(app, User.objects.create_user("vera"), Role.VIEWER, ACTOR)
    return app


def see(app: App, user: str = "olga", query: str = "", environment: str = "", **headers: str) -> Any:
    """The answer at NOW."""
    with clock(NOW):
        client = client_of(app.memberships.get(user__username=user).user)
        base = f"/apps/{app.slug}/{environment}webhooks/"
        answer = client.get(f"{base}{query}", headers=headers)
    assert answer.status_code == 200
    return answer
