"""`app.*`: each by what really happens, once, with data that its schema accepts."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from events.event_types import sync_event_catalog
from events.models import Event
from switera_webhooks.refusals import Conflict, InvalidInput
from switera_webhooks.times import iso
from tests.factories import ACTOR, make_app, make_key
from webhooks.api_keys import create_api_key, revoke_api_key, rotate_api_key
from webhooks.app_setup import create_app, find_app, update_app
from webhooks.audit import SYSTEM, Actor
from webhooks.models import App, AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _catalog() -> None:
    sync_event_catalog()


@pytest.fixture
def app() -> App:
    return make_app().app


@pytest.fixture
def ada() -> Actor:
    return Actor.of_user(User.objects.create(username="ada@acme.example"), None, "test")


def told(environment: str = "live") -> list[tuple[str, Any]]:
    """What was emitted in this environment, oldest first; forgotten then."""
    events = Event.objects.filter(environment=environment).order_by("id")
    found = [(event.type, event.data) for event in events]
    events.delete()
    return found


def test_a_new_app_and_its_first_keys_emit_nothing() -> None:
    make_app()

    assert not Event.objects.exists()


def test_a_key_that_is_made_is_told_with_its_maker_in_the_environment_of_the_page(app: App, ada: Actor) -> None:
    key, _ = create_api_key(app, "live", ada)

    assert told("live") == []
    assert told("test") == [
        (
            "app.api_key.created",
            {
                "key_id": key.public_id,
                "kind": "secret",
                "environment": "live",
                "prefix": key.prefix,
                "last4": key.last4,
                "created_by": ada.id,
            },
        )
    ]


@pytest.mark.parametrize("actor", [ACTOR, SYSTEM])
def test_what_a_command_or_the_system_does_names_nobody(app: App, actor: Actor) -> None:
    key, _ = create_api_key(app, "test", actor)
    revoke_api_key(key, actor)

    [(created, data), (revoked, revoked_data)] = told()
    assert (created, data["created_by"], data["environment"]) == ("app.api_key.created", None, "test")
    assert (revoked, revoked_data["revoked_by"]) == ("app.api_key.revoked", None)


def test_a_key_that_is_rotated_is_told_once_with_the_end_of_the_old_one(app: App, ada: Actor) -> None:
    old, _ = make_key(app)
    told()

    new, _ = rotate_api_key(old, ada, dt.timedelta(hours=1))

    old.refresh_from_db()
    assert old.expires_at is not None
    expected = {
        "key_id": new.public_id,
        "previous_key_id": old.public_id,
        "kind": "secret",
        "environment": "live",
        "prefix": new.prefix,
        "last4": new.last4,
        "old_key_expires_at": iso(old.expires_at),
    }
    assert told("test") == [("app.api_key.rotated", expected)]
    rotate_api_key(new, ada, dt.timedelta(0))
    [(type, data)] = told("test")
    assert (type, data["previous_key_id"], data["old_key_expires_at"]) == ("app.api_key.rotated", new.public_id, None)


def test_a_key_that_is_revoked_is_told_and_a_second_time_is_refused(app: App, ada: Actor) -> None:
    key, text = make_key(app)
    told()
    revoke_api_key(key, ada)
    with pytest.raises(Conflict):
        revoke_api_key(key, ada)

    assert told() == []
    [event] = Event.objects.all()
    assert text not in event.payload
    assert told("test") == [
        (
            "app.api_key.revoked",
            {
                "key_id": key.public_id,
                "kind": "secret",
                "environment": "live",
                "last4": key.last4,
                "revoked_by": ada.id,
            },
        )
    ]


def test_an_app_that_is_renamed_is_told_with_what_changed_and_audited(app: App, ada: Actor) -> None:
    """S46."""
    changed = update_app(app, {"name": " Shoes ", "slug": "shoes"}, ada)

    assert (changed.name, changed.slug, find_app("shoes"), find_app("shop")) == ("Shoes", "shoes", app, None)
    assert told("test") == [
        (
            "app.updated",
            {
                "id": app.public_id,
                "name": "Shoes",
                "slug": "shoes",
                "changed_fields": ["name", "slug"],
                "updated_at": iso(changed.updated_at),
            },
        )
    ]
    entry = AuditEntry.objects.get(action="app.updated")
    assert entry.changes == {"name": ["Shop", "Shoes"], "slug": ["shop", "shoes"]}
    assert (entry.target_id, entry.actor_name) == (app.public_id, "ada@acme.example")

    update_app(app, {"name": "Shoes", "slug": "shoes"}, ada)
    assert told("test") == []
    update_app(app, {"name": "Boots", "slug": "shoes"}, ada)
    assert [data["changed_fields"] for _, data in told("test")] == [["name"]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"name": " "}, "name"), ({"name": "x" * 201}, "name"), ({"slug": "Ab"}, "slug"), ({"slug": ""}, "slug")],
)
def test_a_malformed_name_or_slug_changes_nothing(app: App, ada: Actor, changes: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        update_app(app, {"name": "Other", **changes}, ada)

    assert list(refused.value.details) == [field]
    app.refresh_from_db()
    assert (app.name, app.slug) == ("Shop", "shop")
    assert told("test") == []


def test_a_slug_of_another_app_is_refused(app: App, ada: Actor) -> None:
    other = make_app("Shoes").app

    with pytest.raises(Conflict) as refused:
        update_app(other, {"slug": "shop"}, ada)

    assert refused.value.code == "slug_taken"
    other.refresh_from_db()
    assert other.slug == "shoes"
    assert not AuditEntry.objects.filter(action="app.updated").exists()


@pytest.mark.parametrize(("slug", "wanted"), [("users", "shop"), ("shop", "users")])
def test_s33_who_has_the_slug_of_the_auth_app_is_not_for_owners_to_say(
    ada: Actor, settings: Settings, slug: str, wanted: str
) -> None:
    settings.WEBHOOKS_AUTH_APP = "users"
    app = create_app("Shop", slug=slug, actor=ACTOR).app
    with pytest.raises(Conflict, match="WEBHOOKS_AUTH_APP"):
        update_app(app, {"name": "Shoes", "slug": wanted}, ada)

    app.refresh_from_db()
    assert (app.name, app.slug, told("test")) == ("Shop", slug, [])
    assert not AuditEntry.objects.filter(action="app.updated").exists()
    assert update_app(app, {"name": "Shoes", "slug": slug}, ada).name == "Shoes"
