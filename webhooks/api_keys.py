"""API keys: `sk_live_` or `sk_test_` (webhooks/key_texts.py). Only a digest of a key is kept."""

import datetime as dt
import hmac
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Field, Model
from django.utils import timezone

from switera_webhooks.database import hot_rows, survive_lost_connection
from switera_webhooks.environments import Environment
from switera_webhooks.refusals import Conflict, InvalidInput
from switera_webhooks.times import iso
from webhooks import audit
from webhooks.audit import Actor
from webhooks.happenings import ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated, tell
from webhooks.key_texts import digest_of, new_key_text, prefix_of
from webhooks.models import ApiKey, App

Row = TypeVar("Row", bound=Model)
_PREFIXES = {f"sk_{environment}_" for environment in Environment.values}
# Noting the last use more often would write a row at every request.
_LAST_USED_EVERY = dt.timedelta(minutes=1)
# How long a key may go on working beside the one that replaces it: a week, as a secret may.
MAX_KEY_OVERLAP = dt.timedelta(days=7)
DEFAULT_KEY_OVERLAP = dt.timedelta(days=1)


def create_api_key(app: App, environment: str, actor: Actor) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown here and never again."""
    with transaction.atomic():
        key, text = _new_key(app, environment, actor)
        audit.record(
            app,
            actor,
            "api_key.created",
            target_type="api_key",
            target_id=key.public_id,
            target_name=key.masked,
            changes={"environment": environment},
            environment=environment,
        )
        tell(ApiKeyCreated(key, actor))
    return key, text


def rotate_api_key(key: ApiKey, actor: Actor, overlap: dt.timedelta = DEFAULT_KEY_OVERLAP) -> tuple[ApiKey, str]:
    """A new key in place of this one, which works on for the overlap; the new text is shown here and never again.

    Raises InvalidInput (overlap), Conflict (revoked or expired, or on its way out since an earlier rotation).
    """
    if not dt.timedelta(0) <= overlap <= MAX_KEY_OVERLAP:
        sentence = f"The overlap is 0 to {MAX_KEY_OVERLAP.days} days."
        raise InvalidInput(sentence, details={"overlap": [sentence]})
    with transaction.atomic():
        previous = _lock_working(key)
        if previous.expires_at is not None:
            raise Conflict("This key was rotated already: rotate the one that replaced it.", code="key_rotated")
        previous.expires_at = timezone.now() + overlap
        previous.save(update_fields=["expires_at"])
        new, text = _new_key(previous.app, previous.environment, actor)
        audit.record(
            previous.app,
            actor,
            "api_key.rotated",
            target_type="api_key",
            target_id=new.public_id,
            target_name=new.masked,
            changes={
                "environment": new.environment,
                "previous": previous.masked,
                "previous_id": previous.public_id,
                "previous_expires_at": iso(previous.expires_at),
            },
            environment=new.environment,
        )
        tell(ApiKeyRotated(new, previous, actor))
    return new, text


def revoke_api_key(key: ApiKey, actor: Actor) -> ApiKey:
    """End the key now: the next request with it is refused. Raises Conflict where it does not work any more."""
    with transaction.atomic():
        revoked = _lock_working(key)
        revoked.revoked_at = timezone.now()
        revoked.save(update_fields=["revoked_at"])
        audit.record(
            revoked.app,
            actor,
            "api_key.revoked",
            target_type="api_key",
            target_id=revoked.public_id,
            target_name=revoked.masked,
            changes={"environment": revoked.environment},
            environment=revoked.environment,
        )
        tell(ApiKeyRevoked(revoked, actor))
    return revoked


def _lock_working(key: ApiKey) -> ApiKey:
    """The key as it is now, locked until the transaction ends. Raises Conflict where it is revoked or expired."""
    rows = ApiKey.objects.select_for_update(of=("self",), no_key=True).select_related("app")
    current = rows.get(pk=key.pk)
    if current.revoked_at is not None:
        raise Conflict("This key is revoked.", code="key_revoked")
    if current.expires_at is not None and current.expires_at <= timezone.now():
        raise Conflict("This key has expired.", code="key_expired")
    return current


def _new_key(app: App, environment: str, actor: Actor) -> tuple[ApiKey, str]:
    text = new_key_text(f"sk_{Environment(environment).value}_")
    key = ApiKey.objects.create(
        app=app,
        environment=environment,
        digest=digest_of(text),
        prefix=text[:12],
        last4=text[-4:],
        created_by_name=actor.name[:254],
    )
    return key, text


def new_keys_with_app(app: App, actor: Actor) -> dict[str, str]:
    """The first pair of keys of a new app, {environment: text}; the app's own audit entry covers them."""
    return {environment: _new_key(app, environment, actor)[1] for environment in Environment.values}


def find_api_key(text: str) -> ApiKey | None:
    """The key that this text is, with its app; None where it is malformed, unknown, revoked or expired (S30).

    None too where its app is being deleted.
    """
    if prefix_of(text) not in _PREFIXES:
        return None
    digest = digest_of(text)
    key = survive_lost_connection(partial(_key_with_app, digest))
    if key is None or not hmac.compare_digest(bytes(key.digest), digest):
        return None
    if key.app.deleting_since is not None:
        return None
    now = timezone.now()
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


_KEY_FIELDS = ApiKey._meta.concrete_fields
_APP_FIELDS = App._meta.concrete_fields
_COLUMNS = [f"k.{field.column}" for field in _KEY_FIELDS] + [f"a.{field.column}" for field in _APP_FIELDS]
_KEY_WITH_APP = (
    f"select {', '.join(_COLUMNS)} from webhooks_apikey k "  # noqa: S608 (names of our own)
    "join webhooks_app a on a.id = k.app_id where k.digest = %s"
)


def _key_with_app(digest: bytes) -> ApiKey | None:
    """By hand: every request asks, and composing this statement anew takes four times as long as asking it."""
    rows = hot_rows(_KEY_WITH_APP, [digest])
    if not rows:
        return None
    [row] = rows
    key: ApiKey = _instance(ApiKey, _KEY_FIELDS, row[: len(_KEY_FIELDS)])
    key.app = _instance(App, _APP_FIELDS, row[len(_KEY_FIELDS) :])
    return key


def _instance(model: type[Row], fields: "Sequence[Field[Any, Any]]", values: Sequence[Any]) -> Row:
    if connection.vendor != "postgresql":  # SQLite keeps ids and times as text
        values = [_python_value(field, value) for field, value in zip(fields, values, strict=True)]
    return model.from_db(connection.alias, [field.attname for field in fields], values)


def _python_value(field: "Field[Any, Any]", value: Any) -> Any:
    column = field.get_col(field.model._meta.db_table)
    for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)):
        value = convert(value, column, connection)
    return value
