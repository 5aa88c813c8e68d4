"""The door to an app's pages: members only, in the environment that the address says (S33, S37)."""

from urllib.parse import quote

import pytest
from django.test import Client

from events.models import EventType
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.demo import Demo
from tests.factories import ACTOR, make_app, make_endpoint
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.members import add_member
from webhooks.models import AuditEntry, Role

pytestmark = pytest.mark.django_db
TABS = ["", "endpoints/", "deliveries/", "event-catalog/", "test-send/"]
# Below `/apps/{slug}`, beside the tabs.
SECTIONS = ["/organizations/", "/api-keys/", "/members/", "/audit-logs/"]
PAGES = [
    *TABS,
    *SECTIONS,
    "endpoints/add/",
    "endpoints/{Billing}/",
    "deliveries/{failed}/",
    "replays/",
    "event-catalog/order.paid/",
    "/organizations/{Acme}/",
    "event-catalog/import/",
]
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/apps/x/webhooks/deliveries/?status=failed"}


def path_of(demo: Demo, page: str) -> str:
    base = f"/apps/{demo.app.slug}" if page.startswith("/") else demo.path
    return base + page.format(**demo.ids)


@pytest.mark.parametrize("page", PAGES)
def test_a_member_sees_every_page_and_no_cache_keeps_it(demo: Demo, owner: Client, page: str) -> None:
    answer = owner.get(path_of(demo, page))

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert b'<html lang="en">' in answer.content


@pytest.mark.parametrize("page", PAGES)
def test_s33_an_app_of_others_answers_like_one_that_is_not_there(demo: Demo, owner: Client, page: str) -> None:
    path = path_of(demo, page)
    foreign = owner.get(path.replace(demo.app.slug, demo.foreign_app.slug))
    missing = owner.get(path.replace(demo.app.slug, "nobody"))

    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.content == missing.content


@pytest.mark.parametrize("room", ["endpoints", "deliveries"])
def test_s33_an_id_of_another_app_answers_like_one_that_is_not_there(demo: Demo, owner: Client, room: str) -> None:
    foreign = (demo.endpoints["Foreign"] if room == "endpoints" else demo.deliveries["foreign"]).public_id
    prefix = Prefix.ENDPOINT if room == "endpoints" else Prefix.DELIVERY
    ids = [foreign, to_public_id(prefix, new_id()), to_public_id(Prefix.APP, new_id()), "ep_", "%00", quote("é")]
    for base in (demo.path, demo.test_path):
        answers = [owner.get(f"{base}{room}/{public_id}/") for public_id in ids]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1


def test_what_is_of_the_other_environment_leads_there(demo: Demo, owner: Client) -> None:
    staging, billing = demo.endpoints["Staging"].public_id, demo.endpoints["Billing"].public_id

    there = owner.get(f"{demo.path}endpoints/{staging}/?from=mail")
    back = owner.get(f"{demo.test_path}endpoints/{billing}/")
    delivery = owner.get(f"{demo.path}deliveries/{demo.deliveries['test environment'].public_id}/")
    posted = owner.post(f"{demo.path}endpoints/{staging}/")

    assert (there.status_code, there.headers["Location"]) == (302, f"{demo.test_path}endpoints/{staging}/?from=mail")
    assert (back.status_code, back.headers["Location"]) == (302, f"{demo.path}endpoints/{billing}/")
    assert delivery.headers["Location"].startswith(f"{demo.test_path}deliveries/dlv_")
    assert posted.status_code == 404


def test_whoever_is_not_signed_in_signs_in_first_and_comes_back(demo: Demo, client: Client) -> None:
    answer = client.get(f"{demo.path}deliveries/?status=failed")
    to_nobody = client.get("/apps/nobody/webhooks/")

    back = quote(f"{demo.path}deliveries/?status=failed")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/accounts/login/?next={back}")
    assert to_nobody.headers["Location"] == "/accounts/login/?next=/apps/nobody/webhooks/"


def test_a_form_that_is_sent_after_the_sign_in_has_ended_says_that_nothing_was_changed(
    demo: Demo, client: Client
) -> None:
    before = EventType.objects.count()
    answer = client.post(f"{demo.path}event-catalog/add/", {"name": "order.packed"}, follow=True)
    assert "You were signed out meanwhile: nothing was changed. Sign in and do it again." in answer.content.decode()
    assert EventType.objects.count() == before


def test_a_part_that_htmx_asks_for_without_a_session_leads_the_whole_page_to_the_sign_in(
    demo: Demo, client: Client
) -> None:
    answer = client.get(f"{demo.path}deliveries/", headers=HTMX)

    back = quote("/apps/x/webhooks/deliveries/?status=failed")
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, f"/accounts/login/?next={back}")
    assert answer.content == b""


def test_s37_a_viewer_may_not_open_what_changes_something(demo: Demo, viewer: Client) -> None:
    entries = AuditEntry.objects.count()

    page = viewer.get(f"{demo.path}endpoints/add/")
    part = viewer.get(f"{demo.path}endpoints/add/", headers=HTMX)

    assert (page.status_code, part.status_code) == (403, 403)
    assert b"Ask an owner of the app for the role of a developer." in page.content
    assert part.headers["HX-Retarget"] == "#notices"
    assert part.content.strip().startswith(b'<div class="notice bad" role="alert">')
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("page", TABS)
def test_s37_a_viewer_sees_no_button_that_it_cannot_use(demo: Demo, owner: Client, viewer: Client, page: str) -> None:
    assert b"Add Webhook" in owner.get(demo.path + page).content
    assert b"Add Webhook" not in viewer.get(demo.path + page).content


def test_links_stay_in_the_environment_of_the_page(demo: Demo, owner: Client) -> None:
    live = owner.get(f"{demo.path}endpoints/").content.decode()
    test = owner.get(f"{demo.test_path}endpoints/").content.decode()

    assert f'href="{demo.path}deliveries/"' in live
    assert f'href="{demo.test_path}deliveries/"' in test
    assert f'href="{demo.path}deliveries/"' not in test
    # The switch leads to the same tab of the other environment, and no further.
    assert f'href="{demo.path}endpoints/"' in test
    assert "Test environment." in test
    assert "Test environment." not in live


def test_the_switch_leads_to_the_tab_where_an_object_is_of_one_environment(demo: Demo, owner: Client) -> None:
    endpoint = owner.get(path_of(demo, "endpoints/{Billing}/")).content.decode()
    event_type = owner.get(f"{demo.path}event-catalog/order.paid/").content.decode()

    assert f'href="{demo.test_path}endpoints/"' in endpoint
    assert f'href="{demo.test_path}event-catalog/order.paid/"' in event_type


def test_s34_the_header_speaks_of_this_app_and_environment_alone(demo: Demo, owner: Client) -> None:
    live = owner.get(demo.path).content.decode()
    test = owner.get(demo.test_path).content.decode()
    empty = owner.get(f"/apps/{demo.other_app.slug}/webhooks/").content.decode()

    assert "2 of 7 endpoints need review. 2 deliver normally. One is disabled, and its deliveries are held." in live
    assert "Nothing has been delivered yet: send a test to see a message arrive." in test
    assert "No endpoint yet: events are kept, and delivered to nobody." in empty


def test_names_are_shown_as_text(demo: Demo, owner: Client) -> None:
    """S35."""
    demo.app.name = "<b>Shop</b>"
    demo.app.save()

    assert b"&lt;b&gt;Shop&lt;/b&gt;" in owner.get(demo.path).content
    assert b"<b>Shop</b>" not in owner.get(demo.path).content + owner.get("/").content


@pytest.mark.parametrize("page", [*TABS, *SECTIONS])
def test_queries_do_not_grow_with_endpoints(demo: Demo, page: str) -> None:
    def add_rows() -> None:
        for _ in range(5):
            make_endpoint(demo.app)

    assert_query_count(page.strip("/") or "overview", client_of(demo.owner), path_of(demo, page), add_rows)


def test_queries_do_not_grow_with_apps(demo: Demo) -> None:
    def add_rows() -> None:
        for _ in range(5):
            add_member(make_app().app, demo.owner, Role.VIEWER, ACTOR)

    assert_query_count("list of apps", client_of(demo.owner), "/", add_rows)
