"""create_app, create_api_key and add_member: one call of a service each, in words or in JSON."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from webhooks.api_keys import find_api_key
from webhooks.models import ApiKey, App, AuditEntry, Membership

pytestmark = pytest.mark.django_db


def _json(*arguments: str) -> dict[str, Any]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, "--json", stdout=out, stderr=err)
    assert err.getvalue() == ""
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def _text(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "Ada@example.com")


@pytest.fixture
def shop() -> App:
    call_command("create_app", "Shop", stdout=StringIO())
    return App.objects.get()


def test_create_app_prints_the_app_and_working_keys(ada: User) -> None:
    document = _json("create_app", "Corner shop", "--owner", "ada@EXAMPLE.com")
    app = App.objects.get()
    assert document["app"] == {
        "id": app.public_id,
        "name": "Corner shop",
        "slug": "corner-shop",
        "created_at": app.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert set(document) == {"app", "keys"}
    for environment in ("live", "test"):
        key = find_api_key(document["keys"][environment])
        assert key is not None
        assert (key.app, key.environment) == (app, environment)
    assert [(m.user, m.role) for m in app.memberships.all()] == [(ada, "owner")]


def test_create_app_in_words_shows_the_keys_too() -> None:
    text = _text("create_app", "Shop", "--slug", "the-shop")
    app = App.objects.get()
    assert app.slug == "the-shop"
    assert app.public_id in text
    assert {line.split()[-1][:8] for line in text.splitlines() if "key:" in line} == {"sk_live_", "sk_test_"}


def test_what_a_command_does_is_audited_as_the_commands() -> None:
    """S46."""
    _text("create_app", "Shop")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_type, entry.actor_name) == ("app.created", "command", "manage.py create_app")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create_app", "Shop", "--owner", "nobody@example.com"], "There is no user with the e-mail address"),
        (["create_app", "  "], "Give the app a name"),
        (["create_app", "Shop", "--slug", "No Slug"], "A slug holds lower-case letters"),
        (["create_app", "Other", "--slug", "shop"], "Another app has this slug"),
        (["create_api_key", "none"], "There is no app with the id or slug 'none'."),
        (["create_api_key", "app_01m84w1vmver3skjvqwnncx601"], "There is no app with the id or slug"),
        (["add_member", "shop", "nobody@example.com"], "There is no user with the e-mail address"),
        (["add_member", "none", "ada@example.com"], "There is no app with the id or slug 'none'."),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    shop: App, ada: User, arguments: list[str], sentence: str
) -> None:
    before = [model.objects.count() for model in (App, ApiKey, Membership, AuditEntry)]
    with pytest.raises(CommandError) as raised:
        call_command(*arguments)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)
    assert [model.objects.count() for model in (App, ApiKey, Membership, AuditEntry)] == before


def test_two_users_with_one_address_are_not_guessed_between(shop: App, ada: User) -> None:
    User.objects.create_user("ada2", "ada@example.com")
    with pytest.raises(CommandError, match="Several users have the e-mail address"):
        call_command("add_member", "shop", "ada@example.com")
    assert Membership.objects.count() == 0


@pytest.mark.parametrize(("arguments", "environment"), [([], "live"), (["--environment", "test"], "test")])
def test_create_api_key_prints_a_working_key(shop: App, arguments: list[str], environment: str) -> None:
    document = _json("create_api_key", shop.public_id, *arguments)
    key = find_api_key(document["key"])
    assert key is not None
    assert document == {
        "id": key.public_id,
        "key": document["key"],
        "app_id": shop.public_id,
        "environment": environment,
        "created_at": key.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize(("arguments", "role"), [([], "developer"), (["--role", "viewer"], "viewer")])
def test_add_member_lets_an_existing_user_in(shop: App, ada: User, arguments: list[str], role: str) -> None:
    assert _json("add_member", "shop", "ada@example.com", *arguments) == {
        "app_id": shop.public_id,
        "username": "ada",
        "email": "Ada@example.com",
        "role": role,
    }
    assert [(m.user, m.role) for m in shop.memberships.all()] == [(ada, role)]


def test_a_member_is_not_added_twice(shop: App, ada: User) -> None:
    call_command("add_member", "shop", "ada@example.com", stdout=StringIO())
    with pytest.raises(CommandError, match="ada is a member of this app already"):
        call_command("add_member", "shop", "ada@example.com", "--role", "owner")
    assert Membership.objects.get().role == "developer"
