"""Who may operate an app: Builders added, their roles changed, removed. An app that has an owner keeps one."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks import audit
from webhooks.app_setup import lock_app
from webhooks.audit import Actor
from webhooks.models import App, Membership, Role


def find_builder(email: str) -> User:
    """The one Builder with this address, in any case of letters. Raises InvalidInput (email)."""
    users = list(User.objects.filter(email__iexact=email, is_active=True)[:2]) if email else []
    if len(users) == 1:
        return users[0]
    sentence = (
        "Several Builders have this address: an operator of this service gives one of them another."
        if users
        else "No Builder has this address: ask an operator of this service to make an account with it."
    )
    raise InvalidInput(sentence, details={"email": [sentence]})


def add_member(app: App, user: User, role: str, actor: Actor) -> Membership:
    """Let an existing Builder operate the app. Raises InvalidInput (role), Conflict (a member already)."""
    _check_role(role)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(app=app, user=user, role=role)
            _record(membership, actor, "member.added", [None, role])
    except IntegrityError as error:
        raise Conflict(f"{user.get_username()} is a member of this app already.", code="already_a_member") from error
    return membership


def set_member_role(membership: Membership, role: str, actor: Actor) -> Membership:
    """Give a member another role; the one that it has already writes nothing.

    Raises InvalidInput (role), Conflict (the last owner; removed meanwhile).
    """
    _check_role(role)
    with transaction.atomic():
        current = _lock(membership)
        if current.role != role:
            if current.role == Role.OWNER:
                _refuse_without_owner(current)
            before, current.role = current.role, role
            current.save(update_fields=["role"])
            _record(current, actor, "member.role.changed", [before, role])
    return current


def remove_member(membership: Membership, actor: Actor) -> None:
    """The Builder sees nothing of the app from now on. Raises Conflict (the last owner; removed meanwhile)."""
    with transaction.atomic():
        current = _lock(membership)
        if current.role == Role.OWNER:
            _refuse_without_owner(current)
        _record(current, actor, "member.removed", [current.role, None])
        current.delete()


def only_owner_of(app: App) -> Membership | None:
    """The owner without whom the app would have none; None where several are, or none is. One query."""
    owners = list(_owners(app)[:2])
    return owners[0] if len(owners) == 1 else None


def _owners(app: App) -> QuerySet[Membership]:
    return Membership.objects.filter(app=app, role=Role.OWNER, user__is_active=True)


def _check_role(role: str) -> None:
    if role not in Role.values:
        raise InvalidInput(f"The role is one of {', '.join(Role.values)}.", details={"role": ["Unknown role."]})


def _lock(membership: Membership) -> Membership:
    """The membership as it is now. The app's row is the lock under which its owners are counted."""
    lock_app(membership.app)
    current = Membership.objects.select_related("app", "user").filter(pk=membership.pk).first()
    if current is None:
        raise Conflict("This member was removed meanwhile.", code="member_removed")
    return current


def _refuse_without_owner(leaving: Membership) -> None:
    if not _owners(leaving.app).exclude(pk=leaving.pk).exists():
        raise Conflict(
            f"{leaving.user.get_username()} is the only owner of this app: make somebody else an owner first.",
            code="last_owner",
        )


def _record(membership: Membership, actor: Actor, action: str, role: list[str | None]) -> None:
    audit.record(
        membership.app,
        actor,
        action,
        target_type="user",
        target_id=str(membership.user.pk),
        target_name=membership.user.get_username(),
        changes={"role": role},
    )
