"""API keys: listed by environment, made and shown once, rotated with an overlap, revoked."""

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.demo import Demo
from tests.factories import ACTOR, make_key
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.api_keys import find_api_key
from webhooks.models import ApiKey, AuditEntry

pytestmark = pytest.mark.django_db
KEY = re.compile(r"sk_(?:live|test)_[0-9A-Za-z]{49}")


def list_path(demo: Demo, environment: str = "live") -> str:
    return f"/apps/{demo.app.slug}/{'test/' if environment == 'test' else ''}api-keys/"


def page_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.partition("<main")[2]).split())


def make(client: Client, demo: Demo, environment: str = "live") -> str:
    """The path of a new key's page, not looked at yet."""
    answer = client.post(f"{list_path(demo, environment)}create/")
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def only_key(demo: Demo, environment: str = "live") -> ApiKey:
    """The one that the app came with."""
    return ApiKey.objects.get(app=demo.app, environment=environment)


def test_s30_each_environment_lists_its_own_keys_masked(demo: Demo, owner: Client) -> None:
    live, test = page_of(owner, list_path(demo)), page_of(owner, list_path(demo, "test"))

    assert only_key(demo).masked in live
    assert only_key(demo, "test").masked in test
    assert only_key(demo, "test").masked not in live
    assert only_key(demo).masked not in test
    assert not KEY.search(live + test)
    assert ApiKey.objects.get(app=demo.foreign_app, environment="live").masked not in live


def test_a_new_key_is_shown_once_and_works(demo: Demo, owner: Client) -> None:
    path = make(owner, demo)

    first = owner.get(path)

    shown = set(KEY.findall(first.content.decode()))
    assert len(shown) == 1
    text = shown.pop()
    assert "no-store" in first.headers["Cache-Control"]
    key = ApiKey.objects.get(app=demo.app, environment="live", created_by_name="ada")
    assert find_api_key(text) == key
    assert path == f"{list_path(demo)}{key.public_id}/"
    # Loaded again it shows no key and makes none.
    assert not KEY.search(page_of(owner, path))
    assert ApiKey.objects.filter(app=demo.app, environment="live").count() == 2
    entry = AuditEntry.objects.get(action="api_key.created", target_id=key.public_id)
    assert (entry.actor_name, entry.environment, entry.ip) == ("ada", "live", "192.0.2.7")
    assert text[12:-4] not in str(entry.changes)


def test_a_key_that_waits_to_be_shown_is_for_its_own_page_and_session(demo: Demo, owner: Client) -> None:
    path, other = make(owner, demo), make(owner, demo)

    assert not KEY.search(page_of(client_of(demo.developer), path))
    shown = [set(KEY.findall(page_of(owner, each))) for each in (path, other)]
    assert [len(each) for each in shown] == [1, 1]
    assert shown[0] != shown[1]


def test_looking_at_the_address_makes_rotates_and_revokes_nothing(demo: Demo, owner: Client) -> None:
    path = f"{list_path(demo)}{only_key(demo).public_id}/"

    assert owner.get(f"{list_path(demo)}create/").headers["Location"] == list_path(demo)
    assert owner.get(f"{path}rotate/").headers["Location"] == path
    assert owner.get(f"{path}revoke/").status_code == 200
    key = only_key(demo)
    assert (key.revoked_at, key.expires_at) == (None, None)


@pytest.mark.parametrize("overlap", [0, 3_600, 86_400, 604_800])
def test_a_rotation_shows_the_new_key_once_and_lets_the_old_one_work_on(
    demo: Demo, owner: Client, overlap: int
) -> None:
    old = only_key(demo)

    answer = owner.post(f"{list_path(demo)}{old.public_id}/rotate/", {"overlap": overlap})

    path = answer.headers["Location"]
    [text] = set(KEY.findall(page_of(owner, path)))
    new = find_api_key(text)
    assert new is not None
    assert path == f"{list_path(demo)}{new.public_id}/"
    old.refresh_from_db()
    assert old.expires_at is not None
    assert round((old.expires_at - timezone.now()).total_seconds(), -1) == overlap
    working = text_of(page_of(owner, list_path(demo)))
    assert (old.masked in working, new.masked in working) == (overlap > 0, True)
    assert working.count("On its way out") == (1 if overlap else 0)
    ended = text_of(page_of(owner, f"{list_path(demo)}?ended=1"))
    assert (old.masked in ended) == (overlap == 0)
    entry = AuditEntry.objects.get(action="api_key.rotated")
    assert (entry.target_id, entry.actor_name) == (new.public_id, "ada")


@pytest.mark.parametrize("overlap", ["", "5", "-1", "soon"])
def test_an_overlap_that_is_not_offered_changes_nothing(demo: Demo, owner: Client, overlap: str) -> None:
    key = only_key(demo)

    answer = owner.post(f"{list_path(demo)}{key.public_id}/rotate/", {"overlap": overlap})

    assert answer.status_code == 400
    assert only_key(demo).expires_at is None
    assert not AuditEntry.objects.filter(action="api_key.rotated").exists()


def test_a_key_on_its_way_out_is_not_rotated_again_but_can_be_revoked(demo: Demo, owner: Client) -> None:
    key = make_key(demo.app, expires_at=timezone.now() + dt.timedelta(hours=1))[0]
    path = f"{list_path(demo)}{key.public_id}/"

    page = page_of(owner, path)
    refused = owner.post(f"{path}rotate/", {"overlap": 0})

    assert "Rotate the key" not in page
    assert "Revoke the key" in page
    assert refused.status_code == 409
    assert "rotate the one that replaced it" in refused.content.decode()


def test_revoking_says_what_happens_and_ends_the_key_at_once(demo: Demo, owner: Client) -> None:
    key, text = make_key(demo.app)
    path = f"{list_path(demo)}{key.public_id}/revoke/"
    question = text_of(page_of(owner, path))
    assert "Every request with it is refused from now on: 401." in question
    assert "It was never used." in question
    find_api_key(text)
    assert "It was last used" in text_of(page_of(owner, path))

    answer = owner.post(path)

    assert answer.headers["Location"] == list_path(demo)
    assert find_api_key(text) is None
    page = page_of(owner, list_path(demo))
    assert f"{key.masked} is revoked: every request with it is refused from now on." in page
    assert key.masked not in page.partition("<tbody>")[2].partition("</tbody>")[0]
    ended = text_of(page_of(owner, f"{list_path(demo)}?ended=1"))
    assert key.masked in ended
    assert "Revoked" in ended
    assert AuditEntry.objects.get(action="api_key.revoked").target_id == key.public_id
    # Asked again, nothing more happens.
    assert owner.post(path).headers["Location"] == f"{list_path(demo)}{key.public_id}/"
    assert AuditEntry.objects.filter(action="api_key.revoked").count() == 1


def test_an_expired_key_says_so(demo: Demo, owner: Client) -> None:
    key = make_key(demo.app, expires_at=timezone.now() - dt.timedelta(hours=1))[0]

    page = text_of(page_of(owner, f"{list_path(demo)}{key.public_id}/"))

    assert "This key no longer works." in page
    assert "Expired" in page
    assert "Rotate" not in page


def test_without_a_key_there_is_one_next_step(demo: Demo, owner: Client, viewer: Client) -> None:
    ApiKey.objects.filter(app=demo.app).update(revoked_at=timezone.now())

    assert "make a key for them" in page_of(owner, list_path(demo))
    assert "An owner or a developer of the app can make a key." in page_of(viewer, list_path(demo))
    ApiKey.objects.filter(app=demo.app).delete()
    assert "No key has ended" in page_of(owner, f"{list_path(demo)}?ended=1")


def test_s37_a_viewer_sees_the_keys_and_changes_none(demo: Demo, viewer: Client) -> None:
    key = only_key(demo)
    path = f"{list_path(demo)}{key.public_id}/"
    pages = page_of(viewer, list_path(demo)) + page_of(viewer, path)
    assert key.masked in pages
    assert not [word for word in ("New live key", "Rotate", "Revoke") if word in pages]
    entries = AuditEntry.objects.count()

    posts: list[Any] = [
        viewer.post(address) for address in (f"{list_path(demo)}create/", f"{path}rotate/", f"{path}revoke/")
    ]

    assert [answer.status_code for answer in posts] == [403, 403, 403]
    assert viewer.get(f"{path}revoke/").status_code == 403
    assert (only_key(demo).revoked_at, only_key(demo).expires_at) == (None, None)
    assert AuditEntry.objects.count() == entries


def test_s33_keys_of_others_are_not_there_and_of_the_other_environment_are_there(demo: Demo, owner: Client) -> None:
    foreign = ApiKey.objects.get(app=demo.foreign_app, environment="live")
    test = only_key(demo, "test")
    for section in ("", "revoke/"):
        ids = [foreign.public_id, "key_01m84w1vmver3skjvqwnncx601", demo.ids["Billing"], "key_"]
        answers = [owner.get(f"{list_path(demo)}{key}/{section}") for key in ids]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
    assert owner.post(f"{list_path(demo)}{foreign.public_id}/revoke/").status_code == 404
    assert owner.post(f"{list_path(demo)}{test.public_id}/revoke/").status_code == 404
    there = owner.get(f"{list_path(demo)}{test.public_id}/")
    assert there.headers["Location"] == f"{list_path(demo, 'test')}{test.public_id}/"
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_queries_do_not_grow_with_keys(demo: Demo) -> None:
    def add_rows() -> None:
        for _ in range(5):
            make_key(demo.app)

    assert_query_count("api-keys", client_of(demo.owner), list_path(demo), add_rows)
    assert ACTOR.name in page_of(client_of(demo.owner), list_path(demo))
