"""Members: owners add, change and remove them, anybody leaves, and the last owner stays."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.demo import PASSWORD, Demo
from tests.factories import ACTOR
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.members import add_member
from webhooks.models import AuditEntry, Membership, Role

pytestmark = pytest.mark.django_db


def path_of(demo: Demo, section: str = "") -> str:
    return f"/apps/{demo.app.slug}/members/{section}"


def page_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def roles(demo: Demo) -> dict[str, str]:
    members = Membership.objects.filter(app=demo.app).select_related("user")
    return {member.user.username: member.role for member in members}


@pytest.fixture
def eve(db: None) -> User:
    """A Builder who is no member yet."""
    return User.objects.create_user("eve", "Eve@Northwind.example", PASSWORD)


def test_everybody_sees_who_may_operate_the_app(demo: Demo, viewer: Client) -> None:
    page = page_of(viewer, path_of(demo))

    assert re.findall(r'<div class="member"><span>(\w+)', page) == ["ada", "dev", "vic"]
    assert "ada@northwind.example" in page
    assert "Add a member" not in page
    assert "Remove" not in page
    assert "Leave the app" in page


def test_an_owner_adds_a_builder_by_address_with_a_role(demo: Demo, owner: Client, eve: User) -> None:
    answer = owner.post(path_of(demo, "add/"), {"email": "eve@northwind.example", "role": "viewer"})

    assert (answer.status_code, answer.headers["Location"]) == (302, path_of(demo))
    assert roles(demo)["eve"] == "viewer"
    assert "eve is a viewer of Northwind Orders now." in page_of(owner, path_of(demo))
    assert client_of(eve).get(demo.path).status_code == 200
    entry = AuditEntry.objects.get(action="member.added", target_id=str(eve.pk))
    assert (entry.actor_name, entry.changes, entry.environment, entry.ip) == (
        "ada", {"role": [None, "viewer"]}, "live", "192.0.2.7"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        (
            {"email": "nobody@example.com", "role": "viewer"},
            400,
            "No Builder has this address: ask an operator of this service to make an account with it.",
        ),
        (
            {"email": "gone@example.com", "role": "viewer"},
            400,
            "No Builder has this address: ask an operator of this service to make an account with it.",
        ),
        ({"email": "twice@example.com", "role": "viewer"}, 400, "Several Builders have this address"),
        ({"email": "DEV@northwind.example", "role": "owner"}, 409, "dev is a member of this app already."),
        ({"email": "dev", "role": "viewer"}, 400, "Enter a valid email address."),
        ({"email": "", "role": "viewer"}, 400, "This field is required."),
        ({"email": "eve@northwind.example", "role": "admin"}, 400, "Select a valid choice."),
    ],
)
def test_who_cannot_be_added_is_said_in_a_sentence_and_what_was_typed_stays(
    demo: Demo, owner: Client, eve: User, given: dict[str, str], status: int, sentence: str
) -> None:
    User.objects.create_user("gone", "gone@example.com", PASSWORD, is_active=False)
    for name in ("twin1", "twin2"):
        User.objects.create_user(name, "twice@example.com", PASSWORD)
    before, entries = roles(demo), AuditEntry.objects.count()

    answer = owner.post(path_of(demo, "add/"), given)

    page = answer.content.decode()
    assert answer.status_code == status
    assert sentence in page
    assert f'value="{given["email"]}"' in page or not given["email"]
    assert (roles(demo), AuditEntry.objects.count()) == (before, entries)


def test_who_is_a_member_of_another_app_is_told_like_anybody(demo: Demo, owner: Client, eve: User) -> None:
    add_member(demo.foreign_app, eve, Role.OWNER, ACTOR)

    assert eve.email not in page_of(owner, path_of(demo))

    owner.post(path_of(demo, "add/"), {"email": eve.email, "role": "viewer"})

    assert roles(demo)["eve"] == "viewer"
    assert Membership.objects.get(app=demo.foreign_app, user=eve).role == "owner"


def test_an_owner_changes_a_role(demo: Demo, owner: Client) -> None:
    answer = owner.post(path_of(demo, f"{demo.viewer.pk}/role/"), {"role": "developer"})

    assert answer.headers["Location"] == path_of(demo)
    assert roles(demo)["vic"] == "developer"
    entry = AuditEntry.objects.get(action="member.role.changed")
    assert (entry.target_name, entry.changes) == ("vic", {"role": ["viewer", "developer"]})
    owner.post(path_of(demo, f"{demo.viewer.pk}/role/"), {"role": "developer"})
    assert AuditEntry.objects.filter(action="member.role.changed").count() == 1
    assert owner.post(path_of(demo, f"{demo.viewer.pk}/role/"), {"role": "king"}).status_code == 400
    assert roles(demo)["vic"] == "developer"


def test_a_removed_member_sees_nothing_from_the_next_request_on(demo: Demo, owner: Client, viewer: Client) -> None:
    assert viewer.get(demo.path).status_code == 200

    answer = owner.post(path_of(demo, f"{demo.viewer.pk}/remove/"))

    assert answer.headers["Location"] == path_of(demo)
    assert viewer.get(demo.path).status_code == 404
    assert "vic is no member of Northwind Orders any more." in page_of(owner, path_of(demo))
    entry = AuditEntry.objects.get(action="member.removed")
    assert (entry.target_name, entry.changes) == ("vic", {"role": ["viewer", None]})


def test_anybody_leaves_and_is_led_to_their_apps(demo: Demo, viewer: Client) -> None:
    answer = viewer.post(path_of(demo, "leave/"))

    assert answer.headers["Location"] == "/"
    assert "vic" not in roles(demo)
    assert viewer.get(demo.path).status_code == 404
    entry = AuditEntry.objects.get(action="member.removed")
    assert (entry.actor_name, entry.target_name) == ("vic", "vic")


def test_the_last_owner_stays(demo: Demo, owner: Client) -> None:
    page = page_of(owner, path_of(demo))
    assert "You are the only owner: make somebody else an owner first." in page
    assert f"{demo.owner.pk}/role/" not in page
    posts = {"leave/": {}, f"{demo.owner.pk}/remove/": {}, f"{demo.owner.pk}/role/": {"role": "viewer"}}
    entries = AuditEntry.objects.count()

    answers = [owner.post(path_of(demo, section), data) for section, data in posts.items()]

    assert [answer.status_code for answer in answers] == [409, 409, 409]
    assert "ada is the only owner of this app: make somebody else an owner first." in answers[0].content.decode()
    assert roles(demo)["ada"] == "owner"
    assert AuditEntry.objects.count() == entries


def test_an_owner_who_cannot_sign_in_is_none(demo: Demo, owner: Client) -> None:
    gone = User.objects.create_user("gone", "gone@example.com", PASSWORD)
    add_member(demo.app, gone, Role.OWNER, ACTOR)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    assert owner.post(path_of(demo, "leave/")).status_code == 409
    assert roles(demo)["ada"] == "owner"


def test_with_a_second_owner_the_first_may_go(demo: Demo, owner: Client) -> None:
    owner.post(path_of(demo, f"{demo.developer.pk}/role/"), {"role": "owner"})

    assert owner.post(path_of(demo, "leave/")).status_code == 302
    assert roles(demo) == {"dev": "owner", "vic": "viewer"}


@pytest.mark.parametrize("who", ["developer", "viewer"])
def test_s37_only_owners_change_who_is_a_member(demo: Demo, eve: User, who: str) -> None:
    client = client_of(getattr(demo, who))
    page = page_of(client, path_of(demo))
    assert "Add the member" not in page
    assert "/remove/" not in page
    before, entries = roles(demo), AuditEntry.objects.count()

    answers = [
        client.post(path_of(demo, "add/"), {"email": eve.email, "role": "owner"}),
        client.post(path_of(demo, f"{demo.owner.pk}/role/"), {"role": "viewer"}),
        client.post(path_of(demo, f"{demo.owner.pk}/remove/")),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "This is for owners of the app: ask one of them to do it." in answers[0].content.decode()
    assert (roles(demo), AuditEntry.objects.count()) == (before, entries)


def test_s33_a_builder_of_another_app_answers_like_nobody(demo: Demo, owner: Client, eve: User) -> None:
    add_member(demo.foreign_app, eve, Role.VIEWER, ACTOR)
    ids = [str(eve.pk), "999999", "9" * 30]

    for section in ("role/", "remove/"):
        answers = [owner.post(path_of(demo, f"{user}/{section}"), {"role": "owner"}) for user in ids]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
    assert Membership.objects.get(user=eve).role == "viewer"
    assert owner.post(f"/apps/{demo.foreign_app.slug}/members/{eve.pk}/remove/").status_code == 404


def test_looking_at_the_address_changes_nothing(demo: Demo, owner: Client) -> None:
    for section in ("add/", "leave/", f"{demo.viewer.pk}/role/", f"{demo.viewer.pk}/remove/"):
        assert owner.get(path_of(demo, section)).headers["Location"] == path_of(demo)
    assert len(roles(demo)) == 3


def test_queries_do_not_grow_with_members(demo: Demo) -> None:
    def add_rows() -> None:
        for number in range(5):
            add_member(demo.app, User.objects.create_user(f"more{number}"), Role.VIEWER, ACTOR)

    assert_query_count("members", client_of(demo.owner), path_of(demo), add_rows)
