"""An organization's domains. Whether one is its own is for the Builder's product to find out, and to say here.

Each comes with a TXT record that the customer can be asked to set; nothing here looks it up.
"""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from switera_webhooks.refusals import Conflict
from webhooks.audit import Actor
from webhooks.happenings import tell
from webhooks.models import App, Organization, OrganizationDomain
from webhooks.organizations.fields import canonical_domain, check_fields
from webhooks.organizations.happenings import DomainRemoved, DomainVerified
from webhooks.organizations.records import lock_organization, lock_part, record, save_changes


def add_domain(organization: Organization, domain: str, *, auto_join: bool = False, actor: Actor) -> OrganizationDomain:
    """A domain, not verified yet. Raises InvalidInput, Conflict (it has it already)."""
    name = canonical_domain(domain)
    with transaction.atomic():
        organization = lock_organization(organization)
        if organization.domains.filter(domain=name).exists():
            sentence = f"{name} is a domain of this organization already."
            raise Conflict(sentence, code="domain_exists", details={"domain": [sentence]})
        added = OrganizationDomain.objects.create(
            app=organization.app, organization=organization, domain=name, auto_join=auto_join
        )
        record(added, actor, "organization.domain.added", {"auto_join": auto_join})
    return added


def update_domain(domain: OrganizationDomain, changes: Mapping[str, bool], actor: Actor) -> OrganizationDomain:
    """Change auto_join: whether users with an address at it may join by themselves. Raises Conflict (gone)."""
    with transaction.atomic():
        domain = lock_part(domain)
        if changed := save_changes(domain, changes):
            record(domain, actor, "organization.domain.updated", changed)
    return domain


def verify_domain(domain: OrganizationDomain, method: str, actor: Actor) -> OrganizationDomain:
    """Declare that it is the organization's own; one that is verified already stays as it is.

    Raises InvalidInput (method), Conflict (verified for another organization of the app, gone).
    """
    check_fields({"method": method})
    with transaction.atomic():
        # Under the app's lock, since another organization may be verifying the same domain now.
        App.objects.select_for_update(no_key=True).get(pk=domain.app_id)
        domain = lock_part(domain)
        if domain.verified_at is None:
            owned = OrganizationDomain.objects.filter(app=domain.app_id, domain=domain.domain)
            if owned.filter(verified_at__isnull=False).exists():
                raise Conflict(
                    f"{domain.domain} is verified for another organization: remove it there first.",
                    code="domain_taken",
                )
            changed = save_changes(domain, {"method": method, "verified_at": timezone.now()})
            record(domain, actor, "organization.domain.verified", changed)
            tell(DomainVerified(domain, actor))
    return domain


def remove_domain(domain: OrganizationDomain, actor: Actor) -> None:
    """Take it from the organization. Raises Conflict (gone already)."""
    with transaction.atomic():
        domain = lock_part(domain)
        record(domain, actor, "organization.domain.removed", {"verified": domain.verified_at is not None})
        tell(DomainRemoved(domain, actor))
        domain.delete()
