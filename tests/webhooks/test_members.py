"""An app that has an owner keeps one, whoever acts at the same moment."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections

from switera_webhooks.refusals import Conflict, InvalidInput
from tests.factories import ACTOR, make_app
from webhooks.app_setup import CreatedApp
from webhooks.members import add_member, find_builder, only_owner_of, remove_member, set_member_role
from webhooks.models import AuditEntry, Membership, Role


def owners_of(shop: CreatedApp, *names: str) -> list[Membership]:
    return [add_member(shop.app, User.objects.create_user(name), Role.OWNER, ACTOR) for name in names]


@pytest.mark.django_db
def test_the_last_owner_is_known_by_what_is_so_now_not_by_what_was_read() -> None:
    shop = make_app()
    ada, bob = owners_of(shop, "ada", "bob")
    assert only_owner_of(shop.app) is None
    remove_member(ada, ACTOR)
    assert only_owner_of(shop.app) == bob
    entries = AuditEntry.objects.count()

    for refused in (lambda: remove_member(bob, ACTOR), lambda: set_member_role(bob, Role.VIEWER, ACTOR)):
        with pytest.raises(Conflict, match="bob is the only owner of this app"):
            refused()
    for gone in (lambda: remove_member(ada, ACTOR), lambda: set_member_role(ada, Role.OWNER, ACTOR)):
        with pytest.raises(Conflict, match="was removed meanwhile"):
            gone()

    assert [(member.user.username, member.role) for member in shop.app.memberships.all()] == [("bob", "owner")]
    assert AuditEntry.objects.count() == entries


@pytest.mark.django_db
def test_a_builder_is_found_by_an_address_in_any_case_of_letters() -> None:
    ada = User.objects.create_user("ada", "Ada@Example.com")

    assert find_builder("ada@example.COM") == ada
    for nobody in ("", "ada", "%@example.com"):
        with pytest.raises(InvalidInput, match="No Builder has this address"):
            find_builder(nobody)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_do_not_leave_an_app_without_one() -> None:
    shop = make_app()
    members = owners_of(shop, "ada", "bob")
    start = threading.Barrier(2)
    refused: list[str] = []

    def leave(member: Membership) -> None:
        try:
            connection.ensure_connection()
            start.wait(10)
            remove_member(member, ACTOR)
        except Conflict as conflict:
            refused.append(conflict.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=leave, args=[member]) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert refused == ["last_owner"]
    assert shop.app.memberships.count() == 1
    assert AuditEntry.objects.filter(action="member.removed").count() == 1
