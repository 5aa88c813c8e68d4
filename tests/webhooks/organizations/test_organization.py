"""Organizations: created, changed, deleted; and what becomes of their endpoints, which receive only their events."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.db.models import RestrictedError

from deliveries.endpoints import delete_endpoint, update_endpoint
from events.event_types import sync_event_catalog
from events.models import Event
from switera_webhooks.refusals import Conflict, InvalidInput, Refusal
from tests.factories import ACTOR, make_app, make_endpoint, make_event, make_organization
from tests.organizations import make_full_organization
from webhooks.models import (
    App,
    AuditEntry,
    Endpoint,
    Invitation,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)
from webhooks.organizations.organization import create_organization, delete_organization, update_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    sync_event_catalog()
    return make_app().app


def refused(kind: type[Refusal], action: Any, *arguments: Any, **options: Any) -> Refusal:
    """The refusal; nothing was written and nothing emitted."""
    before = (AuditEntry.objects.count(), Event.objects.count(), list(Organization.objects.order_by("pk").values()))
    with pytest.raises(kind) as raised, transaction.atomic():
        action(*arguments, **options)
    after = (AuditEntry.objects.count(), Event.objects.count(), list(Organization.objects.order_by("pk").values()))
    assert after == before
    return raised.value


def test_a_slug_is_made_of_the_name_where_none_is_given(app: App) -> None:
    made = [create_organization(app, "Globex Corp.", actor=ACTOR).slug for _ in range(3)]
    elsewhere = create_organization(make_app("Rival").app, "Globex Corp.", actor=ACTOR).slug

    assert made == ["globex-corp", "globex-corp-2", "globex-corp-3"]
    assert elsewhere == "globex-corp"
    assert create_organization(app, "株式会社", actor=ACTOR).slug == "organization"


def test_a_slug_is_once_in_an_app(app: App) -> None:
    create_organization(app, "Globex", slug="globex", actor=ACTOR)
    other = create_organization(app, "Acme", slug="acme", actor=ACTOR)
    create_organization(make_app("Rival").app, "Globex", slug="globex", actor=ACTOR)

    created = refused(Conflict, create_organization, app, "Another", slug="globex", actor=ACTOR)
    renamed = refused(Conflict, update_organization, other, {"slug": "globex"}, ACTOR)

    assert {created.code, renamed.code} == {"slug_taken"}
    assert created.details == {"slug": ["Taken."]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " Globex"),
        ("name", "a\nb"),
        ("name", "a\0"),
        ("name", "x" * 201),
        ("slug", ""),
        ("slug", "Globex"),
        ("slug", "a b"),
        ("slug", "x" * 81),
        ("state", "deleted"),
    ],
)
def test_a_field_that_is_wrong_is_named(app: App, field: str, value: str) -> None:
    organization = make_organization(app)

    created = refused(InvalidInput, create_organization, app, **{"name": "Globex", field: value}, actor=ACTOR)
    changed = refused(InvalidInput, update_organization, organization, {field: value}, ACTOR)

    assert (list(created.details), list(changed.details)) == ([field], [field])


def test_every_change_is_audited_with_what_it_was(app: App) -> None:
    """S46."""
    organization = create_organization(app, "Globex", actor=ACTOR)
    update_organization(organization, {"name": "Globex 2", "state": "suspended"}, ACTOR)
    delete_organization(organization, ACTOR)

    entries = AuditEntry.objects.filter(app=app, target_type="organization").order_by("id")
    assert list(entries.values_list("action", "target_name", "changes")) == [
        ("organization.created", "Globex", {"slug": "globex", "state": "active"}),
        (
            "organization.updated",
            "Globex 2",
            {"name": ["Globex", "Globex 2"], "state": ["active", "suspended"]},
        ),
        ("organization.deleted", "Globex 2", {"slug": "globex"}),
    ]


def test_what_is_its_own_goes_with_it_and_nothing_else(app: App) -> None:
    organization, *_ = make_full_organization(app)
    other, *_ = make_full_organization(app)
    event = make_event(app, organization_id=organization.pk)
    endpoint = make_endpoint(app)
    key = organization.pk

    delete_organization(organization, ACTOR)

    assert [row.pk for row in Organization.objects.all()] == [other.pk]
    for model in (OrganizationMember, Invitation, OrganizationDomain):
        assert [row.organization_id for row in model._default_manager.all()] == [other.pk]
    event.refresh_from_db()
    assert event.organization_id == key
    assert Endpoint.objects.get().pk == endpoint.pk
    # Somebody who read it before.
    refusal = refused(Conflict, update_organization, Organization(pk=key, app=app), {"name": "Globex 2"}, ACTOR)
    assert refusal.code == "organization_deleted"


def test_it_is_not_deleted_while_an_endpoint_would_get_the_events_of_everybody_else(app: App) -> None:
    """Without its organization an endpoint receives every organization's events: a leak between customers."""
    organization = make_organization(app)
    billing = make_endpoint(app, organization=organization, name="Billing")
    make_endpoint(app, organization=organization, name="CRM", enabled=False)
    make_endpoint(app, organization=organization, name="Staging", environment="test")

    live = refused(Conflict, delete_organization, organization, ACTOR)
    in_test = refused(Conflict, delete_organization, organization, replace(ACTOR, environment="test"))

    assert live.code == in_test.code == "organization_has_endpoints"
    assert live.message == (
        "Endpoints belong to this organization and receive only its events: Billing, CRM and 1 in the test "
        "environment. Delete them, or give them another organization, then delete this one."
    )
    # S33: a page or key of one environment hears no name of the other's.
    assert "Staging and 2 in the live environment" in in_test.message
    billing.refresh_from_db()
    assert billing.organization_id == organization.pk


def test_no_other_way_to_delete_it_leaves_its_endpoints_behind(app: App) -> None:
    """Not the admin's, and not a queryset's."""
    organization = make_organization(app)
    endpoint = make_endpoint(app, organization=organization)

    with pytest.raises(RestrictedError):
        Organization.objects.filter(pk=organization.pk).delete()

    endpoint.refresh_from_db()
    assert endpoint.organization_id == organization.pk
    app.delete()
    assert not Organization.objects.filter(pk=organization.pk).exists()


def test_endpoints_that_are_moved_or_deleted_let_it_go(app: App) -> None:
    organization = make_organization(app)
    moved, deleted = (make_endpoint(app, organization=organization) for _ in range(2))
    other = make_organization(app, "Globex")
    update_endpoint(moved, {"organization": other}, ACTOR)
    delete_endpoint(deleted, ACTOR)

    delete_organization(organization, ACTOR)

    assert list(Endpoint.objects.order_by("id").values_list("organization_id", flat=True)) == [other.pk, None]
    assert Organization.objects.get() == other
