"""Support: a superuser looks at an app's pages without being a member, changes nothing, and is on record (S37, S46)."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.demo import PASSWORD, Demo
from tests.factories import ACTOR
from tests.pages.conftest import client_of
from tests.pages.test_access import PAGES, path_of
from tests.query_counts import assert_query_count
from webhooks.members import add_member
from webhooks.models import AuditEntry, Endpoint, Role

pytestmark = pytest.mark.django_db
BANNER = b"You are looking as support:"
FOR_DEVELOPERS = {"endpoints/add/", "event-catalog/import/"}


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "root@switera.example", PASSWORD)


@pytest.fixture
def support(root: User) -> Client:
    return client_of(root)


def views() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action="support.viewed").order_by("pk"))


@pytest.mark.parametrize("page", [page for page in PAGES if page not in FOR_DEVELOPERS])
def test_support_reads_every_page_as_a_viewer_does(demo: Demo, support: Client, page: str) -> None:
    answer = support.get(path_of(demo, page))

    assert answer.status_code == 200
    assert BANNER in answer.content
    assert b"Add Webhook" not in answer.content


def test_s46_looking_is_on_record_once_an_hour_for_each_app_and_operator(
    demo: Demo, support: Client, root: User
) -> None:
    for page in PAGES[:4]:
        support.get(path_of(demo, page))
    support.get(demo.test_path)

    [entry] = views()
    assert (entry.app, entry.actor_type, entry.actor_id, entry.actor_name) == (
        demo.app, "builder", str(root.pk), "root"
    )  # fmt: skip
    assert (entry.target_id, entry.ip, entry.environment) == (demo.app.public_id, "192.0.2.7", "live")
    support.get(f"/apps/{demo.foreign_app.slug}/webhooks/")
    client_of(User.objects.create_superuser("second", password=PASSWORD)).get(demo.path)
    assert [(entry.app.slug, entry.actor_name) for entry in views()] == [
        (demo.app.slug, "root"), (demo.foreign_app.slug, "root"), (demo.app.slug, "second")
    ]  # fmt: skip
    AuditEntry.objects.filter(pk=entry.pk).update(created_at=timezone.now() - dt.timedelta(minutes=61))
    support.get(demo.path)
    support.get(demo.path)
    assert len(views()) == 4


def test_s37_support_changes_and_reveals_nothing(demo: Demo, support: Client) -> None:
    endpoint = f"{demo.path}endpoints/{demo.ids['Billing']}/"
    section = f"/apps/{demo.app.slug}/"
    posts = [
        f"{endpoint}secret/reveal/", f"{endpoint}disable/", f"{demo.path}deliveries/{demo.ids['failed']}/retry/",
        f"{demo.path}deliveries/{demo.ids['failed']}/curl/", f"{section}api-keys/create/", f"{section}members/add/",
        f"{section}members/leave/", f"{section}audit-logs/export/", f"{demo.path}test-send/",
    ]  # fmt: skip

    answers = [support.post(path, {"as": "csv"}) for path in posts]

    assert [answer.status_code for answer in answers] == [403] * len(posts)
    assert b"You are looking as support, which reads and changes nothing." in answers[0].content
    assert support.get(f"{demo.path}endpoints/add/").status_code == 403
    assert Endpoint.objects.get(pk=demo.endpoints["Billing"].pk).enabled
    assert not AuditEntry.objects.filter(actor_name="root").exclude(action="support.viewed").exists()


def test_support_finds_no_button_to_export_or_leave(demo: Demo, support: Client) -> None:
    pages = b"".join(support.get(f"/apps/{demo.app.slug}/{section}/").content for section in ("audit-logs", "members"))

    assert b'value="csv"' not in pages
    assert b"Leave" not in pages


def test_staff_who_are_no_superusers_find_nothing(demo: Demo) -> None:
    staff = client_of(User.objects.create_user("staff", password=PASSWORD, is_staff=True))

    foreign, missing = staff.get(demo.path), staff.get("/apps/nobody/webhooks/")

    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.content == missing.content
    assert views() == []


def test_an_app_that_is_not_there_is_not_there_for_support_either(support: Client) -> None:
    assert support.get("/apps/nobody/webhooks/").status_code == 404
    assert support.post("/apps/nobody/webhooks/").status_code == 404


def test_a_superuser_who_is_a_member_has_the_members_role(demo: Demo, root: User, support: Client) -> None:
    add_member(demo.app, root, Role.DEVELOPER, ACTOR)

    page = support.get(demo.path)

    assert BANNER not in page.content
    assert b"Add Webhook" in page.content
    assert views() == []


def test_looking_again_costs_two_queries_more(demo: Demo, support: Client) -> None:
    support.get(demo.path)
    assert_query_count("overview, by support", support, demo.path)
