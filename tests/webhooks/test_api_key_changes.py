"""S30, S46: rotating and revoking API keys."""

import datetime as dt

import pytest
from django.utils import timezone

from switera_webhooks.refusals import Conflict, InvalidInput
from switera_webhooks.times import iso
from tests.factories import ACTOR, make_app, make_key
from webhooks.api_keys import find_api_key, revoke_api_key, rotate_api_key
from webhooks.models import ApiKey, App, AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app().app


def _entries(app: App, action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(app=app, action=action))


@pytest.mark.parametrize("environment", ["live", "test"])
def test_a_rotated_key_works_on_for_the_overlap_beside_the_new_one(app: App, environment: str) -> None:
    old, old_text = make_key(app, environment)
    before = timezone.now()

    new, new_text = rotate_api_key(old, ACTOR, dt.timedelta(hours=2))

    assert (new.app, new.environment, new.expires_at, new.revoked_at) == (app, environment, None, None)
    assert find_api_key(new_text) == new
    assert find_api_key(old_text) == old
    old.refresh_from_db()
    assert old.expires_at is not None
    assert dt.timedelta(hours=2) <= old.expires_at - before <= dt.timedelta(hours=2, minutes=1)
    [entry] = _entries(app, "api_key.rotated")
    assert (entry.target_type, entry.target_id, entry.target_name) == ("api_key", new.public_id, new.masked)
    assert entry.changes == {
        "environment": environment,
        "previous": old.masked,
        "previous_id": old.public_id,
        "previous_expires_at": iso(old.expires_at),
    }


def test_without_overlap_the_old_key_stops_at_once(app: App) -> None:
    old, old_text = make_key(app)

    _, new_text = rotate_api_key(old, ACTOR, dt.timedelta(0))

    assert find_api_key(old_text) is None
    assert find_api_key(new_text) is not None


def test_a_day_is_the_overlap_where_none_is_given(app: App) -> None:
    old, _ = make_key(app)
    before = timezone.now()

    rotate_api_key(old, ACTOR)

    old.refresh_from_db()
    assert old.expires_at is not None
    assert dt.timedelta(days=1) <= old.expires_at - before <= dt.timedelta(days=1, minutes=1)


@pytest.mark.parametrize("overlap", [dt.timedelta(seconds=-1), dt.timedelta(days=7, seconds=1)])
def test_an_overlap_out_of_range_is_refused(app: App, overlap: dt.timedelta) -> None:
    key, _ = make_key(app)
    keys = ApiKey.objects.count()

    with pytest.raises(InvalidInput, match="0 to 7 days"):
        rotate_api_key(key, ACTOR, overlap)

    key.refresh_from_db()
    assert key.expires_at is None
    assert ApiKey.objects.count() == keys
    assert _entries(app, "api_key.rotated") == []


def test_a_revoked_key_stops_at_once(app: App) -> None:
    key, text = make_key(app)
    other, other_text = make_key(app)

    revoked = revoke_api_key(key, ACTOR)

    assert revoked == key
    assert revoked.revoked_at is not None
    assert find_api_key(text) is None
    assert find_api_key(other_text) == other
    [entry] = _entries(app, "api_key.revoked")
    assert (entry.target_type, entry.target_id, entry.target_name) == ("api_key", key.public_id, key.masked)
    assert entry.changes == {"environment": "live"}


def test_a_key_on_its_way_out_can_be_revoked_but_not_rotated_again(app: App) -> None:
    old, old_text = make_key(app)
    rotate_api_key(old, ACTOR)
    keys = ApiKey.objects.count()

    with pytest.raises(Conflict, match="rotated already"):
        rotate_api_key(old, ACTOR)

    assert ApiKey.objects.count() == keys
    assert len(_entries(app, "api_key.rotated")) == 1
    revoke_api_key(old, ACTOR)
    assert find_api_key(old_text) is None


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_a_key_that_works_no_more_is_neither_rotated_nor_revoked(app: App, column: str) -> None:
    key, _ = make_key(app, "live", **{column: timezone.now() - dt.timedelta(seconds=1)})
    before = ApiKey.objects.filter(app=app).order_by("pk").values()
    rows = list(before)

    for change in (rotate_api_key, revoke_api_key):
        with pytest.raises(Conflict, match=r"revoked|expired"):
            change(key, ACTOR)

    assert list(before.all()) == rows
    assert _entries(app, "api_key.rotated") == _entries(app, "api_key.revoked") == []
