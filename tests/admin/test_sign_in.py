"""Operators' sign-in: what the audit log tells of it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.demo import PASSWORD
from tests.factories import ACTOR, make_app
from webhooks.members import add_member
from webhooks.models import AuditEntry, Role

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/?next=/admin/"


def test_s46_the_apps_that_an_operator_is_a_member_of_tell_of_the_sign_in() -> None:
    """Their pages are open with the same session."""
    app, _ = make_app("Mine").app, make_app("Others").app
    olga = User.objects.create_user("olga", password=PASSWORD, is_staff=True)
    add_member(app, olga, Role.OWNER, ACTOR)
    entries = AuditEntry.objects.filter(action="member.signed_in")

    assert Client().get(LOGIN).status_code == 200
    assert Client().post(LOGIN, {"username": "olga", "password": "wrong"}).status_code == 200
    assert not entries.exists()
    assert Client(REMOTE_ADDR="192.0.2.7").post(LOGIN, {"username": "olga", "password": PASSWORD}).status_code == 302

    entry = entries.get()
    assert (entry.app, entry.actor_name, entry.ip) == (app, "olga", "192.0.2.7")
