"""`auth.*` of this Django project's own users, for the one app that WEBHOOKS_AUTH_APP names (docs/sources.md).

Django's signals tell of them. What Django does not know (second factors, directories, verified addresses) comes by
the platform key. Sign-ins of Builders are no business of receivers: they are in the audit log alone.
"""

import copy
import logging
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from events.sources.emitting import emit_built_in
from switera_webhooks.environments import Environment
from switera_webhooks.ids import new_id
from switera_webhooks.middleware import client_address
from switera_webhooks.times import iso
from webhooks.models import App, Membership

logger = logging.getLogger(__name__)

# In the words of the events: Django says no more about how a user or a password came to be.
_BY_DJANGO = "django"
_NAME = ("first_name", "last_name")
_WATCHED = {"email", "is_active", "password", *_NAME}
# Where a user that is saved keeps how the row was before.
_BEFORE = "_auth_source_before"
# Where a session keeps the id that it is told by: not its key, which lets in, and it stays when the key is changed.
_SESSION_ID = "auth_source_session_id"


def _emit(type: str, **data: object) -> None:
    app = App.objects.filter(slug=settings.WEBHOOKS_AUTH_APP, deleting_since=None).first()
    if app is None:
        logger.error(
            "WEBHOOKS_AUTH_APP names no app: %s was not emitted. Set it to an app's slug, or to nothing.", type
        )
        return
    emit_built_in(app, type, data, environment=Environment.LIVE)


# Users ---------------------------------------------------------------------------------------------


@receiver(pre_save, sender=User)
def _remember(instance: User, raw: bool, update_fields: Collection[str] | None, **_: Any) -> None:
    if not settings.WEBHOOKS_AUTH_APP or raw or instance._state.adding:
        return
    if update_fields is None or not _WATCHED.isdisjoint(update_fields):
        setattr(instance, _BEFORE, User.objects.filter(pk=instance.pk).first())


@receiver(post_save, sender=User)
def _saved(instance: User, created: bool, raw: bool, update_fields: Collection[str] | None, **_: Any) -> None:
    before: User | None = instance.__dict__.pop(_BEFORE, None)
    if not settings.WEBHOOKS_AUTH_APP or raw:
        return
    if created:
        _emit("auth.user.created", **_user(instance), email_verified=False, source=_BY_DJANGO)
    elif before is not None:
        _changed(before, instance, update_fields)


def _changed(before: User, instance: User, update_fields: Collection[str] | None) -> None:
    # As the row is now: what is set on the instance, but not saved, did not happen.
    user = copy.copy(before)
    for field in _WATCHED if update_fields is None else _WATCHED.intersection(update_fields):
        setattr(user, field, getattr(instance, field))
    changed = []
    if user.email != before.email:
        changed.append("email")
    if any(getattr(user, field) != getattr(before, field) for field in _NAME):
        changed.append("name")
    if user.is_active != before.is_active:
        changed.append("status")
    if changed:
        _emit("auth.user.updated", **_user(user), changed_fields=changed)
    user_id = str(user.pk)
    if "status" in changed and user.is_active:
        _emit("auth.user.restored", user_id=user_id, restored_by=None)
    elif "status" in changed:
        _emit("auth.user.suspended", user_id=user_id, reason=None, suspended_by=None, until=None)
    if user.password != before.password and not _is_upgrade(instance, update_fields):
        _emit("auth.password.changed", user_id=user_id, via=_BY_DJANGO, sessions_revoked=0)


def _is_upgrade(instance: User, update_fields: Collection[str] | None) -> bool:
    """Whether Django only hashes the same password anew, as it does at a sign-in once its hashers have changed."""
    return vars(instance).get("_password") is None and update_fields is not None and set(update_fields) == {"password"}


@receiver(post_delete, sender=User)
def _deleted(instance: User, **_: Any) -> None:
    if settings.WEBHOOKS_AUTH_APP:
        _emit("auth.user.deleted", user_id=str(instance.pk), deleted_at=iso(timezone.now()))


def _user(user: User) -> dict[str, object]:
    return {
        "user_id": str(user.pk),
        "email": _address(user.email),
        "name": user.get_full_name() or None,
        "status": "active" if user.is_active else "suspended",
    }


def _address(email: str) -> str | None:
    """Django saves whatever text it is given; what is no address is none."""
    try:
        validate_email(email)
    except ValidationError:
        return None
    return email


# Sessions and sign-ins -----------------------------------------------------------------------------


def _is_builder(user: User) -> bool:
    return Membership.objects.filter(user=user).exists()


@receiver(user_logged_in)
def _signed_in(user: User, request: HttpRequest | None = None, **_: Any) -> None:
    if not settings.WEBHOOKS_AUTH_APP or _is_builder(user):
        return
    session_id = f"ses_{new_id().hex}"
    expires_at = None
    session = getattr(request, "session", None)
    if session is not None:
        session_id = session.setdefault(_SESSION_ID, session_id)
        if not session.get_expire_at_browser_close():
            expires_at = iso(session.get_expiry_date())
    backend = getattr(user, "backend", "").rpartition(".")[2]
    _emit(
        "auth.session.created",
        session_id=session_id,
        user_id=str(user.pk),
        method="password" if backend.endswith("ModelBackend") else backend or "other",
        provider=None,
        mfa=False,
        ip=request and client_address(request),
        user_agent=request and request.headers.get("User-Agent"),
        expires_at=expires_at,
    )


@receiver(user_logged_out)
def _signed_out(user: User | None, request: HttpRequest | None = None, **_: Any) -> None:
    """Of a session that was told of when it began."""
    session = getattr(request, "session", None)
    if not settings.WEBHOOKS_AUTH_APP or user is None or session is None or _SESSION_ID not in session:
        return
    user_id = str(user.pk)
    _emit(
        "auth.session.revoked",
        session_id=session[_SESSION_ID],
        user_id=user_id,
        reason="sign_out",
        revoked_by=user_id,
    )


@receiver(user_login_failed)
def _refused(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """What was typed in is not told, not even as a name that nobody has: it may be a password."""
    if not settings.WEBHOOKS_AUTH_APP:
        return
    # django-axes has counted it, unless the address has to wait: then nobody tried anything (S38).
    failures = getattr(request, "axes_failures_since_start", None)
    if failures is None and getattr(request, "axes_locked_out", False):
        return
    user = User.objects.filter(username=str(credentials.get(User.USERNAME_FIELD, ""))).first()
    if user is not None and _is_builder(user):
        return
    _emit(
        "auth.sign_in.failed",
        user_id=None if user is None else str(user.pk),
        method="password" if "password" in credentials else "other",
        provider=None,
        reason="suspended" if user is not None and not user.is_active else "wrong_credentials",
        ip=request and client_address(request),
        attempt_count=failures or 1,
    )
