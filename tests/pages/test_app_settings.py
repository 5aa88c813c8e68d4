"""App Settings: the app's name and slug, and its end."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from deliveries.app_deletion import COUNTED_AT_MOST
from deliveries.models import AppDeletion
from events.models import Event
from tests.demo import Demo
from tests.factories import ACTOR
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.members import add_member
from webhooks.models import App, AuditEntry, Membership

pytestmark = pytest.mark.django_db
SETTINGS, DELETE = "settings/", "settings/delete/"


@pytest.fixture
def path(demo: Demo) -> str:
    return f"/apps/{demo.app.slug}/"


@pytest.fixture
def developer(demo: Demo) -> Client:
    return client_of(demo.developer)


def audited(app: App, action: str) -> int:
    return AuditEntry.objects.filter(app=app, action=action).count()


def test_an_owner_changes_name_and_slug_and_is_led_to_the_new_address(demo: Demo, owner: Client, path: str) -> None:
    answer = owner.post(path + SETTINGS, {"name": "Shoes", "slug": "shoes"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/apps/shoes/settings/")
    demo.app.refresh_from_db()
    assert (demo.app.name, demo.app.slug) == ("Shoes", "shoes")
    entry = AuditEntry.objects.get(app=demo.app, action="app.updated")
    assert (entry.actor_name, entry.ip) == (demo.owner.get_username(), "192.0.2.7")
    assert owner.get(path + SETTINGS).status_code == 404
    assert b"Saved." in owner.get("/apps/shoes/settings/").content


def test_in_the_test_environment_it_stays_there(owner: Client, path: str) -> None:
    answer = owner.post(f"{path}test/{SETTINGS}", {"name": "Shoes", "slug": "shoes"})

    assert answer.headers["Location"] == "/apps/shoes/test/settings/"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "", "slug": "shoes"}, "This field is required."),
        ({"name": "Shoes", "slug": "Big Shoes"}, "Use lower-case letters, digits, - and _."),
        ({"name": "Shoes", "slug": "{other}"}, "Taken."),
    ],
)
def test_a_mistake_is_told_at_its_field_and_loses_nothing(
    demo: Demo, owner: Client, path: str, given: dict[str, str], sentence: str
) -> None:
    data = {name: value.format(other=demo.other_app.slug) for name, value in given.items()}

    answer = owner.post(path + SETTINGS, data)

    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert f'value="{data["slug"]}"' in answer.content.decode()
    before = demo.app.name, demo.app.slug
    demo.app.refresh_from_db()
    assert (demo.app.name, demo.app.slug) == before
    assert audited(demo.app, "app.updated") == 0


@pytest.mark.parametrize("who", ["developer", "viewer"])
def test_s37_others_see_what_it_is_called_and_change_nothing(
    demo: Demo, who: str, path: str, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    page = client.get(path + SETTINGS)

    assert page.status_code == 200
    content = page.content.decode()
    assert demo.app.public_id in content
    assert "Save changes" not in content
    assert "Delete this app" not in content
    refused = [
        client.post(path + SETTINGS, {"name": "Shoes", "slug": "shoes"}),
        client.get(path + DELETE),
        client.post(path + DELETE, {"confirm": demo.app.name}),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert all(b"This is for owners of the app" in answer.content for answer in refused)
    demo.app.refresh_from_db()
    assert (demo.app.slug, demo.app.deleting_since) == (path.split("/")[2], None)
    assert audited(demo.app, "app.updated") == audited(demo.app, "app.deleted") == 0


def test_s33_an_app_of_others_is_not_there(demo: Demo, owner: Client) -> None:
    for page in (SETTINGS, DELETE):
        foreign = owner.get(f"/apps/{demo.foreign_app.slug}/{page}")
        missing = owner.get(f"/apps/nobody/{page}")
        assert (foreign.status_code, missing.status_code) == (404, 404)
        assert foreign.content == missing.content
    assert owner.post(f"/apps/{demo.foreign_app.slug}/{DELETE}", {"confirm": demo.foreign_app.name}).status_code == 404
    assert not App.objects.exclude(deleting_since=None).exists()


def test_a_name_that_is_not_typed_exactly_deletes_nothing(demo: Demo, owner: Client, path: str) -> None:
    answer = owner.post(path + DELETE, {"confirm": demo.app.name.lower()})

    assert answer.status_code == 400
    assert b"type it exactly as it is shown" in answer.content
    assert not AppDeletion.objects.exists()
    assert owner.get(path + SETTINGS).status_code == 200


def test_a_deleted_app_is_gone_for_all_and_its_owner_sees_how_far_its_deletion_is(
    demo: Demo, owner: Client, viewer: Client, path: str
) -> None:
    """S32."""
    page = owner.get(path + DELETE).content.decode()
    assert "Type " + demo.app.name in page

    answer = owner.post(path + DELETE, {"confirm": demo.app.name})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    for client in (owner, viewer):
        assert client.get(f"{path}webhooks/").status_code == 404
        assert client.get(path + SETTINGS).status_code == 404
        assert client.post(path + DELETE, {"confirm": demo.app.name}).status_code == 404
    home = owner.get("/").content.decode()
    assert f"{demo.app.name} is being deleted. Nobody can open it any more." in home
    assert "Being deleted: its rows follow once subscribed endpoints, if any, are told." in home
    assert f'href="{path}webhooks/"' not in home
    assert demo.app.name not in viewer.get("/").content.decode()
    other = owner.get(f"/apps/{demo.other_app.slug}/webhooks/").content.decode()
    assert f"{path}webhooks/" not in other  # not in the switcher of apps
    AppDeletion.objects.update(rows=1_200_000, deleted=40_000)
    assert "Being deleted: 40,000 of 1,200,000 events and deliveries." in owner.get("/").content.decode()
    AppDeletion.objects.update(rows=COUNTED_AT_MOST, deleted=COUNTED_AT_MOST + 1)
    assert "10,000,001 of more than 10,000,000 events" in owner.get("/").content.decode()


def test_the_list_asks_again_until_no_app_is_being_deleted(demo: Demo, owner: Client, viewer: Client) -> None:
    htmx = {"HX-Request": "true"}
    assert b"data-live" not in owner.get("/").content
    now = timezone.now()
    App.objects.filter(pk=demo.app.pk).update(deleting_since=now)
    AppDeletion.objects.create(app=demo.app, started_at=now, endpoints_go_at=now, rows=8, deleted=2)

    page, part = owner.get("/").content.decode(), owner.get("/", headers=htmx).content.decode()

    assert '<div id="apps" data-live hx-get="/" hx-trigger="live" hx-swap="outerHTML">' in page
    assert part.strip().startswith('<div id="apps" data-live')
    assert "Being deleted: 2 of 8 events and deliveries." in part
    assert "<html" not in part
    assert b"data-live" not in viewer.get("/").content
    Membership.objects.filter(app=demo.app).delete()  # with the app, last of all
    part = owner.get("/", headers=htmx).content.decode()
    assert part.strip().startswith('<div id="apps">')
    assert demo.app.name not in part
    nobody = Client().get("/", headers=htmx)
    assert (nobody.status_code, nobody.headers["HX-Redirect"]) == (200, "/accounts/login/?next=/")


def test_the_page_says_how_many_endpoints_are_told(demo: Demo, owner: Client, path: str) -> None:
    before = Event.objects.count()

    assert "app.deleted" in owner.get(path + DELETE).content.decode()

    assert Event.objects.count() == before
    demo.app.endpoints.update(disabled_at=timezone.now(), disabled_reason="manual")
    assert "No endpoint is told" in owner.get(path + DELETE).content.decode()


def test_queries_do_not_grow_with_apps_that_are_being_deleted(demo: Demo) -> None:
    def add_rows() -> None:
        for number in range(5):
            now = timezone.now()
            app = App.objects.create(name="Old", slug=f"old-{number}", deleting_since=now)
            AppDeletion.objects.create(app=app, started_at=now, endpoints_go_at=now + dt.timedelta(minutes=1))
            add_member(app, User.objects.get(pk=demo.owner.pk), "owner", ACTOR)

    assert_query_count("list of apps", client_of(demo.owner), "/", add_rows)


def test_queries_of_the_pages(demo: Demo, path: str) -> None:
    for name, page in (("app settings", SETTINGS), ("app deletion", DELETE)):
        assert_query_count(name, client_of(demo.owner), path + page, lambda: None)
