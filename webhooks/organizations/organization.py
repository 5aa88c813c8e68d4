"""An organization's life: created, changed, deleted."""

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.utils import timezone

from switera_webhooks.environments import Environment
from switera_webhooks.refusals import Conflict
from webhooks.audit import Actor
from webhooks.happenings import tell
from webhooks.models import App, Organization, OrganizationState
from webhooks.organizations.fields import check_fields
from webhooks.organizations.happenings import OrganizationCreated, OrganizationDeleted, OrganizationUpdated
from webhooks.organizations.records import lock_organization, record, save_changes
from webhooks.slugs import free_slug

# So many endpoints are named in a refusal.
_ENDPOINTS_NAMED = 5


def create_organization(
    app: App, name: str, *, slug: str | None = None, state: str = OrganizationState.ACTIVE, actor: Actor
) -> Organization:
    """A customer account; without a slug it gets one made of its name. Raises InvalidInput, Conflict (slug taken)."""
    given = {"name": name, "state": state} | ({} if slug is None else {"slug": slug})
    check_fields(given)
    try:
        with transaction.atomic():
            given["slug"] = slug or free_slug(name, Organization.objects.filter(app=app), "organization")
            organization = Organization.objects.create(app=app, **given)
            record(organization, actor, "organization.created", {"slug": organization.slug, "state": state})
            tell(OrganizationCreated(organization, actor))
    except IntegrityError as error:
        raise _slug_taken() from error
    return organization


def update_organization(organization: Organization, changes: Mapping[str, object], actor: Actor) -> Organization:
    """Change name, slug or state; what stays the same writes nothing. Raises InvalidInput, Conflict (slug taken)."""
    check_fields(changes)
    try:
        with transaction.atomic():
            organization = lock_organization(organization)
            if changed := save_changes(organization, changes):
                record(organization, actor, "organization.updated", changed)
                tell(OrganizationUpdated(organization, list(changed), actor))
    except IntegrityError as error:
        raise _slug_taken() from error
    return organization


def delete_organization(organization: Organization, actor: Actor) -> None:
    """Remove it with its members, invitations and domains; events and deliveries stay.

    Raises Conflict while an endpoint belongs to it: without its organization that endpoint would receive the events of
    every other customer, and whether it is to be moved or deleted is for a person to say.
    """
    with transaction.atomic():
        organization = lock_organization(organization, to_delete=True)
        _refuse_with_endpoints(organization, actor)
        # Of deleted endpoints, which receive nothing any more.
        organization.endpoints.update(organization=None)
        record(organization, actor, "organization.deleted", {"slug": organization.slug})
        tell(OrganizationDeleted(organization, timezone.now(), actor))
        organization.delete()


def _refuse_with_endpoints(organization: Organization, actor: Actor) -> None:
    """Names the endpoints of the actor's environment alone (S33)."""
    endpoints = list(organization.endpoints.filter(deleted_at=None).order_by("id"))
    if not endpoints:
        return
    here = [str(endpoint) for endpoint in endpoints if endpoint.environment == actor.environment]
    named = here[:_ENDPOINTS_NAMED]
    if len(here) > len(named):
        named.append(f"{len(here) - len(named)} more")
    if elsewhere := len(endpoints) - len(here):
        other = Environment.LIVE if actor.environment == Environment.TEST else Environment.TEST
        named.append(f"{elsewhere} in the {other} environment")
    raise Conflict(
        f"Endpoints belong to this organization and receive only its events: {_listed(named)}. Delete them, or give "
        "them another organization, then delete this one.",
        code="organization_has_endpoints",
    )


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _slug_taken() -> Conflict:
    return Conflict(
        "Another organization of this app has this slug: choose a different one.",
        code="slug_taken",
        details={"slug": ["Taken."]},
    )
