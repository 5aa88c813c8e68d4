import secrets

from django.db import models
from django.db.models import Q

from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models.app import App
from webhooks.models.organization import Organization


class DomainMethod(models.TextChoices):
    """How the Builder's own product made sure that a domain is the organization's."""

    DNS_TXT = "dns_txt"
    EMAIL = "email"
    MANUAL = "manual"


def new_verification_token() -> str:
    """What a TXT record is to hold. It proves something where DNS shows it, and opens nothing: it is no secret."""
    return secrets.token_hex(16)


class OrganizationDomain(models.Model):
    """A domain that an organization says is its own; verified once the Builder's product has said so."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="organization_domains")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="domains", db_index=False)
    # Lower-case ASCII (IDNA).
    domain = models.CharField(max_length=253)
    verification_token = models.CharField(max_length=32, default=new_verification_token)
    auto_join = models.BooleanField(default=False)
    method = models.CharField(max_length=16, choices=DomainMethod, null=True)  # noqa: DJ001 (null with verified_at)
    verified_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            # An organization's list of domains, newest first.
            models.Index(fields=["organization", "-id"], name="domain_of_organization"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "domain"], name="organization_domain_once"),
            models.UniqueConstraint(
                fields=["app", "domain"], condition=Q(verified_at__isnull=False), name="organization_domain_one_owner"
            ),
            models.CheckConstraint(
                condition=Q(verified_at=None, method=None)
                | Q(verified_at__isnull=False, method__in=DomainMethod.values),
                name="organization_domain_verified_by",
            ),
        ]

    def __str__(self) -> str:
        return self.domain

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.DOMAIN, self.id)

    @property
    def txt_name(self) -> str:
        """Where the TXT record goes that proves the domain."""
        return f"_switera.{self.domain}"

    @property
    def txt_value(self) -> str:
        return f"switera-verification={self.verification_token}"
