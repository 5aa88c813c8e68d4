from django.db import models

from switera_webhooks.ids import Prefix, new_id, to_public_id
from webhooks.models.organization import Organization


class MemberSource(models.TextChoices):
    """How somebody came into an organization."""

    API = "api"
    PAGE = "page"
    INVITATION = "invitation"
    DOMAIN = "domain"


class OrganizationMember(models.Model):
    """An end user of the Builder's product, in one of its customer accounts. Not a Builder, and signs in nowhere here.

    `user_id` and `role` are the Builder's own words.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="members", db_index=False)
    user_id = models.CharField(max_length=255)
    email = models.CharField(max_length=254)
    role = models.CharField(max_length=64)
    source = models.CharField(max_length=16, choices=MemberSource)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            # An organization's list of members, newest first.
            models.Index(fields=["organization", "-id"], name="member_of_organization"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "user_id"], name="organization_member_once"),
            models.CheckConstraint(
                condition=models.Q(source__in=MemberSource.values), name="organization_member_source_known"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.MEMBER, self.id)
