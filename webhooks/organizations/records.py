"""What every change of an organization begins and ends with: the lock, and the audit entry."""

from collections.abc import Mapping
from typing import TypeVar

from django.db.models import QuerySet

from switera_webhooks.refusals import Conflict
from switera_webhooks.times import iso
from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import Invitation, Organization, OrganizationDomain, OrganizationMember

Part = TypeVar("Part", OrganizationMember, Invitation, OrganizationDomain)
_WORDS = {OrganizationMember: "member", Invitation: "invitation", OrganizationDomain: "domain"}


def lock_organization(organization: Organization, *, to_delete: bool = False) -> Organization:
    """The organization as it is now, locked until the transaction ends: its changes come one after the other.

    Endpoints that refer to it need not wait, unless it is `to_delete`. Raises Conflict where it is gone.
    """
    rows = Organization.objects.select_for_update(of=("self",), no_key=not to_delete).select_related("app")
    current = rows.filter(pk=organization.pk).first()
    if current is None:
        raise Conflict("This organization is deleted.", code="organization_deleted")
    return current


def lock_part(part: Part) -> Part:
    """A member, invitation or domain as it is now, its organization locked. Raises Conflict where either is gone."""
    organization = lock_organization(part.organization)
    rows: QuerySet[Part] = type(part)._default_manager.filter(pk=part.pk)
    current = rows.first()
    if current is None:
        word = _WORDS[type(part)]
        raise Conflict(f"This {word} is deleted.", code=f"{word}_deleted")
    current.organization = organization
    return current


def save_changes(part: Organization | Part, changes: Mapping[str, object]) -> dict[str, object]:
    """Write what differs; {field: [before, after]} of that, for the audit log. Nothing where nothing does."""
    changed: dict[str, object] = {name: value for name, value in changes.items() if getattr(part, name) != value}
    told: dict[str, object] = {name: [_told(getattr(part, name)), _told(value)] for name, value in changed.items()}
    for name, value in changed.items():
        setattr(part, name, value)
    if changed:
        part.save(update_fields=[*changed, "updated_at"])
    return told


def record(part: Organization | Part, actor: Actor, action: str, changes: Mapping[str, object] | None = None) -> None:
    """An entry about the organization, or about a part of it, which then names its organization."""
    if isinstance(part, Organization):
        organization, target_type, of = part, "organization", {}
    else:
        organization, target_type = part.organization, _WORDS[type(part)]
        of = {"organization_id": organization.public_id}
    audit.record(
        organization.app,
        actor,
        action,
        target_type=target_type,
        target_id=part.public_id,
        target_name=str(part),
        changes={**of, **(changes or {})},
    )


def _told(value: object) -> object:
    return iso(value) if hasattr(value, "astimezone") else value  # type: ignore[arg-type]
