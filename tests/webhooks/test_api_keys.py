"""S30: API keys are hashed, scoped, and found in one indexed query."""

import datetime as dt

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from webhooks.api_keys import create_api_key, find_api_key
from webhooks.app_setup import create_app
from webhooks.audit import Actor
from webhooks.models import ApiKey, App, AuditEntry

pytestmark = pytest.mark.django_db
ACTOR = Actor.of_command("create_api_key")


@pytest.fixture
def app() -> App:
    return App.objects.create(name="Shop", slug="shop")


@pytest.mark.parametrize("environment", ["live", "test"])
def test_a_key_is_found_by_its_text_and_stored_only_as_a_digest(app: App, environment: str) -> None:
    key, text = create_api_key(app, environment, ACTOR)

    assert text.startswith(f"sk_{environment}_")
    assert len(text) == len("sk_live_") + 43 + 6
    found = find_api_key(text)
    assert found == key
    assert (key.environment, key.prefix, key.last4) == (environment, text[:12], text[-4:])
    row = ApiKey.objects.filter(pk=key.pk).values().get()
    assert not any(text in str(value) or text[12:-4] in str(value) for value in row.values())
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_id, entry.actor_name) == (
        "api_key.created", key.public_id, "manage.py create_api_key",
    )  # fmt: skip
    assert text[12:-4] not in str(entry.changes)


def test_a_mistyped_key_is_told_by_its_checksum_without_a_query(app: App) -> None:
    _, text = create_api_key(app, "live", ACTOR)
    swapped = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
    for wrong in ("", "x", text[:-1], text + "0", swapped, text.replace("live", "test"), " " + text, text + "\0"):
        with CaptureQueriesContext(connection) as queries:
            assert find_api_key(wrong) is None
        assert len(queries) == 0


def test_a_revoked_or_expired_key_is_not_found(app: App) -> None:
    key, text = create_api_key(app, "live", ACTOR)
    for change in ({"revoked_at": timezone.now()}, {"expires_at": timezone.now() - dt.timedelta(seconds=1)}):
        ApiKey.objects.filter(pk=key.pk).update(**change)
        assert find_api_key(text) is None
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=None, expires_at=None)
    assert find_api_key(text) == key


def test_the_look_up_is_one_query_and_the_last_use_is_noted_once_a_minute(app: App) -> None:
    key, text = create_api_key(app, "live", ACTOR)
    find_api_key(text)
    key.refresh_from_db()
    assert key.last_used_at is not None

    with CaptureQueriesContext(connection) as queries:
        found = find_api_key(text)
        assert found is not None
        assert found.app.slug == "shop"

    assert len(queries) == 1


def test_a_new_app_has_a_live_and_a_test_key(app: App) -> None:
    created = create_app("Second shop", actor=ACTOR)

    live, test = find_api_key(created.live_key), find_api_key(created.test_key)
    assert live is not None
    assert test is not None
    assert (live.environment, test.environment) == ("live", "test")
    assert live.app == test.app == created.app
    assert created.app.slug == "second-shop"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_while_kept_is_made_anew(app: App) -> None:
    """What `SELECT 1` before each request would find out is found out by the look-up itself."""
    key, text = create_api_key(app, "live", ACTOR)
    find_api_key(text)
    _lose_the_connection()

    assert find_api_key(text) == key

    with CaptureQueriesContext(connection) as queries:
        assert find_api_key(text) == key
    assert len(queries) == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_in_a_transaction_is_told(app: App) -> None:
    _, text = create_api_key(app, "live", ACTOR)
    with pytest.raises(OperationalError), transaction.atomic():  # noqa: PT012 (the way out of the block counts too)
        connection.ensure_connection()
        _lose_the_connection()
        find_api_key(text)
    assert find_api_key(text) is not None


def _lose_the_connection() -> None:
    """As a restart of the database does; the kept connection notices at its next use."""
    own = connection.connection.info.backend_pid
    with connection.copy().cursor() as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [own])
        assert other.fetchone() == (True,)
        other.connection.close()


@pytest.mark.postgresql
def test_the_look_up_leaves_the_connection_as_the_engine_knows_it(app: App) -> None:
    _, text = create_api_key(app, "live", ACTOR)
    before = connection.connection.prepare_threshold

    find_api_key(text)

    assert connection.connection.prepare_threshold == before
