"""Users that are made, changed, suspended and deleted, as events of the app that WEBHOOKS_AUTH_APP names."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.serializers import serialize
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import checks
from events.models import Event
from tests.demo import PASSWORD
from tests.events.sources.auth.conftest import sign_in, told, types
from tests.factories import make_app
from webhooks.models import App

pytestmark = pytest.mark.django_db


def test_a_user_that_is_made_is_told_in_live(app: App) -> None:
    user = User.objects.create_user("ada", "ada@globex.example", PASSWORD, first_name="Ada", last_name="Lovelace")

    event = Event.objects.get()
    assert (event.app, event.environment, event.type, event.test) == (app, "live", "auth.user.created", False)
    assert event.data == {
        "user_id": str(user.pk),
        "email": "ada@globex.example",
        "email_verified": False,
        "name": "Ada Lovelace",
        "status": "active",
        "source": "django",
    }
    assert user.password not in event.payload
    assert "ada" not in json.dumps(event.data).replace("ada@globex.example", "")


def test_what_is_no_address_and_no_name_is_null(app: App) -> None:
    User.objects.create_user("bo", "not an address")

    [(_, data)] = told()
    assert (data["email"], data["name"]) == (None, None)


def test_what_changes_is_told_and_nothing_else_is(ada: User) -> None:
    ada.username = "countess"
    ada.is_staff = True
    ada.save()
    assert told() == []

    ada.email = "countess@globex.example"
    ada.first_name = "Augusta Ada"
    ada.save()

    assert told() == [
        (
            "auth.user.updated",
            {
                "user_id": str(ada.pk),
                "email": "countess@globex.example",
                "name": "Augusta Ada Lovelace",
                "status": "active",
                "changed_fields": ["email", "name"],
            },
        )
    ]


def test_what_is_set_but_not_saved_did_not_happen(ada: User) -> None:
    ada.email = "countess@globex.example"
    ada.first_name = "Augusta"
    ada.save(update_fields=["first_name"])

    [(type, data)] = told()
    assert (type, data["email"], data["name"]) == ("auth.user.updated", "ada@globex.example", "Augusta Lovelace")
    assert data["changed_fields"] == ["name"]
    ada.save(update_fields=["last_login"])
    assert len(told()) == 1


def test_suspending_and_restoring_are_told_beside_the_change(ada: User) -> None:
    ada.is_active = False
    ada.save()
    ada.is_active = True
    ada.save(update_fields=["is_active"])

    user_id = str(ada.pk)
    assert types() == ["auth.user.updated", "auth.user.suspended", "auth.user.updated", "auth.user.restored"]
    (_, first), (_, suspended), (_, second), (_, restored) = told()
    assert [(data["status"], data["changed_fields"]) for data in (first, second)] == [
        ("suspended", ["status"]),
        ("active", ["status"]),
    ]
    assert suspended == {"user_id": user_id, "reason": None, "suspended_by": None, "until": None}
    assert restored == {"user_id": user_id, "restored_by": None}


def _set(user: User) -> None:
    user.set_password("another-Password-9")
    user.save()


def _assign(user: User) -> None:
    user.password = make_password("another-Password-9")
    user.save()


def _take_away(user: User) -> None:
    user.set_unusable_password()
    user.save()


@pytest.mark.parametrize("change", [_set, _assign, _take_away])
def test_a_changed_password_is_told_and_neither_it_nor_its_hash(ada: User, change: Callable[[User], None]) -> None:
    change(ada)

    event = Event.objects.get()
    assert (event.type, event.data) == (
        "auth.password.changed",
        {"user_id": str(ada.pk), "via": "django", "sessions_revoked": 0},
    )
    assert "another" not in event.payload
    assert ada.password not in event.payload


def test_the_page_for_it_tells_it_once_and_the_session_keeps_its_id(ada: User) -> None:
    client = sign_in()
    client.post(
        "/accounts/password/",
        {"old_password": PASSWORD, "new_password1": "another-Password-9", "new_password2": "another-Password-9"},
    )
    client.post("/accounts/logout/")

    assert types() == ["auth.session.created", "auth.password.changed", "auth.session.revoked"]
    assert told()[0][1]["session_id"] == told()[2][1]["session_id"]


def test_the_same_password_hashed_anew_is_no_change(ada: User, settings: Settings) -> None:
    hasher = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    settings.PASSWORD_HASHERS = [hasher, *settings.PASSWORD_HASHERS]
    before = ada.password

    sign_in()

    ada.refresh_from_db()
    assert ada.password != before
    assert types() == ["auth.session.created"]


def test_a_deleted_user_is_told(ada: User) -> None:
    user_id = str(ada.pk)
    User.objects.filter(pk=ada.pk).delete()

    event = Event.objects.get()
    assert event.type == "auth.user.deleted"
    assert event.data == {"user_id": user_id, "deleted_at": event.data["deleted_at"]}  # type: ignore[index]


def test_either_the_user_and_the_event_are_there_or_neither(app: App) -> None:
    def make_and_fail() -> None:
        with transaction.atomic():
            User.objects.create_user("ada")
            raise LookupError

    with pytest.raises(LookupError):
        make_and_fail()

    assert (User.objects.count(), Event.objects.count()) == (0, 0)


def test_users_that_are_loaded_from_a_file_are_not_told(ada: User, tmp_path: Any) -> None:
    ada.first_name = "Augusta"
    file = tmp_path / "users.json"
    file.write_text(serialize("json", [ada]))
    call_command("loaddata", str(file), verbosity=0)

    ada.refresh_from_db()
    assert ada.first_name == "Augusta"
    assert told() == []


# The setting ---------------------------------------------------------------------------------------


def test_not_set_nothing_is_told_and_nothing_asked(app: App, ada: User, settings: Settings) -> None:
    settings.WEBHOOKS_AUTH_APP = ""
    with CaptureQueriesContext(connection) as queries:
        bo = User.objects.create_user("bo", "bo@globex.example")
        bo.email, bo.is_active = "x@globex.example", False
        bo.save()
    assert [query["sql"].split()[0] for query in queries] == ["INSERT", "UPDATE"]
    with CaptureQueriesContext(connection) as queries:
        sign_in(password="wrong")
        sign_in().post("/accounts/logout/")
        bo.delete()

    assert told() == []
    assert [query["sql"] for query in queries if '"slug" = ' in query["sql"]] == []


def test_a_slug_that_no_app_has_stops_nothing_and_is_logged(
    ada: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WEBHOOKS_AUTH_APP = "gone"

    ada.email = "x@globex.example"
    ada.save()
    assert sign_in().get("/").status_code == 200

    assert told() == []
    assert [record.getMessage() for record in caplog.records] == [
        f"WEBHOOKS_AUTH_APP names no app: {type} was not emitted. Set it to an app's slug, or to nothing."
        for type in ("auth.user.updated", "auth.session.created")
    ]


def test_a_slug_that_no_app_has_is_a_warning_of_check_and_migrate(app: App, settings: Settings) -> None:
    assert checks.auth_app(None, databases=["default"]) == []
    settings.WEBHOOKS_AUTH_APP = "gone"
    [problem] = checks.auth_app(None, databases=["default"])
    assert problem.id == "switera.W008"
    assert problem.msg == (
        "WEBHOOKS_AUTH_APP is 'gone', and no app has this slug: nothing is emitted of this project's users."
    )
    assert checks.auth_app(None) == []
    settings.WEBHOOKS_AUTH_APP = ""
    assert checks.auth_app(None, databases=["default"]) == []


def test_another_app_is_told_nothing(ada: User) -> None:
    other = make_app("Other").app
    ada.delete()

    assert Event.objects.filter(app=other).count() == 0
    assert Event.objects.count() == 1
