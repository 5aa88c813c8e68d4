"""Operators, and what they see of a list."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.factories import make_app
from webhooks.models import App

Staff = Callable[..., Client]


@pytest.fixture
def app(db: None) -> App:
    return make_app("Shop").app


@pytest.fixture
def staff(db: None) -> Staff:
    """`staff("view_app", …)`: somebody of the staff with these permissions and no more."""

    def signed_in(*permissions: str) -> Client:
        user = User.objects.create_user("olga", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(permissions)
        client = Client(REMOTE_ADDR="192.0.2.7")
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in


@pytest.fixture
def superuser(db: None) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.force_login(User.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def cells(client: Client, path: str, **query: str) -> list[list[str]]:
    """The rows of a list as text, without the box that ticks a row."""
    answer = client.get(path, query)
    assert answer.status_code == 200, (path, query, answer.status_code)
    html = answer.content.decode()
    table = html.split("<tbody>")[-1].split("</tbody>")[0] if "<tbody>" in html else ""
    return [
        [
            unescape(re.sub(r"<[^>]+>", " ", text)).strip()
            for name, text in re.findall(r"<t[dh]([^>]*)>(.*?)</t[dh]>", row, re.S)
            if "action-checkbox" not in name
        ]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.S)
    ]


def ids(client: Client, path: str, **query: str) -> list[str]:
    """The first column of a list."""
    return [row[0] for row in cells(client, path, **query)]


def act(client: Client, path: str, action: str, *keys: object, **data: str) -> str:
    """Do an action to the ticked rows; the message that follows, empty where there is none."""
    posted = {"action": action, "_selected_action": [str(key) for key in keys], **data}
    answer = client.post(path, posted, follow=True)
    assert answer.status_code == 200
    found = re.search(r'<ul class="messagelist">(.*?)</ul>', answer.content.decode(), re.S)
    return "" if found is None else " ".join(unescape(re.sub(r"<[^>]+>", "", found[1])).split())
