"""Builders' own sign-ins go to the audit log of each app that they may operate (catalog.md), never to receivers."""

from django.contrib.auth.models import User

from webhooks import audit
from webhooks.audit import Actor
from webhooks.models import Membership


def record_sign_in(user: User, actor: Actor) -> None:
    """One entry for each app of the user."""
    for membership in Membership.objects.filter(user=user).select_related("app"):
        audit.record(
            membership.app,
            actor,
            "member.signed_in",
            target_type="user",
            target_id=str(user.pk),
            target_name=user.get_username(),
        )
