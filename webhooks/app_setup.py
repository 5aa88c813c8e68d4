"""Setting up an app: the app itself with its first keys, and its share."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks import audit
from webhooks.api_keys import new_keys_with_app
from webhooks.audit import Actor
from webhooks.happenings import AppUpdated, tell
from webhooks.models import App, Membership, Role
from webhooks.slugs import free_slug

# How far the shares of two apps may be apart.
WEIGHT_AT_LEAST = 1
WEIGHT_AT_MOST = 100


@dataclass(frozen=True)
class CreatedApp:
    """A new app; the keys' texts are shown here and never again."""

    app: App
    live_key: str
    test_key: str


def create_app(name: str, *, slug: str | None = None, owner: User | None = None, actor: Actor) -> CreatedApp:
    """A new app with a live and a test key, owned by `owner` where one is given.

    Raises InvalidInput for an empty or malformed name or slug, Conflict where the slug is taken.
    """
    name = _checked_name(name)
    if slug is not None:
        _check_slug(slug)
    try:
        with transaction.atomic():
            app = App.objects.create(name=name, slug=slug or free_slug(name, App.objects.all(), "app"))
            keys = new_keys_with_app(app, actor)
            if owner is not None:
                Membership.objects.create(app=app, user=owner, role=Role.OWNER)
            audit.record(app, actor, "app.created", target_type="app", target_id=app.public_id, target_name=app.name)
    except IntegrityError as error:
        raise _slug_taken() from error
    return CreatedApp(app, keys["live"], keys["test"])


def update_app(app: App, changes: Mapping[str, str], actor: Actor) -> App:
    """Change `name` or `slug`; what stays the same writes nothing. The addresses of the app's pages have the slug.

    Raises InvalidInput for an empty or malformed name or slug, Conflict where the slug is taken, or set in
    WEBHOOKS_AUTH_APP, or the app being deleted.
    """
    wanted = dict(changes)
    if "name" in wanted:
        wanted["name"] = _checked_name(wanted["name"])
    if "slug" in wanted:
        _check_slug(wanted["slug"])
    try:
        with transaction.atomic():
            app = lock_app(app)
            changed = {field: value for field, value in wanted.items() if getattr(app, field) != value}
            if changed:
                before = {field: getattr(app, field) for field in changed}
                if "slug" in changed:
                    _refuse_slug_of_auth_app(before["slug"], changed["slug"])
                for field, value in changed.items():
                    setattr(app, field, value)
                app.save(update_fields=[*changed, "updated_at"])
                audit.record(
                    app,
                    actor,
                    "app.updated",
                    target_type="app",
                    target_id=app.public_id,
                    target_name=app.name,
                    changes={field: [before[field], value] for field, value in changed.items()},
                )
                tell(AppUpdated(app, list(changed), actor))
    except IntegrityError as error:
        raise _slug_taken() from error
    return app


def lock_app(app: App) -> App:
    """The app as it is now, locked until the transaction ends. Raises Conflict where it is being deleted."""
    current = App.objects.select_for_update(no_key=True).get(pk=app.pk)
    if current.deleting_since is not None:
        raise Conflict("This app is being deleted.", code="app_deleted")
    return current


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise InvalidInput("Give the app a name of 1 to 200 printable characters.", details={"name": ["Required."]})
    return name


def _check_slug(slug: str) -> None:
    if slug != slugify(slug) or not 1 <= len(slug) <= 80:
        raise InvalidInput(
            "A slug holds lower-case letters, digits, hyphens and underscores only, 80 at most.",
            details={"slug": ["Use lower-case letters, digits, - and _."]},
        )


def _refuse_slug_of_auth_app(*slugs: str) -> None:
    """Whoever had this slug would be told of this service's own users: who has it is for operators to say (S33)."""
    if settings.WEBHOOKS_AUTH_APP in slugs:
        raise Conflict(
            f"The slug {settings.WEBHOOKS_AUTH_APP} is set in WEBHOOKS_AUTH_APP: an operator of this service changes "
            "that first.",
            code="slug_reserved",
            details={"slug": ["Set in WEBHOOKS_AUTH_APP."]},
        )


def _slug_taken() -> Conflict:
    return Conflict(
        "Another app has this slug: choose a different one.", code="slug_taken", details={"slug": ["Taken."]}
    )


def set_app_weight(app: App, weight: int, actor: Actor) -> App:
    """The app's share of what is sent while more is due than can be. Raises InvalidInput beyond 1 to 100.

    The weight that it has already writes nothing.
    """
    if not WEIGHT_AT_LEAST <= weight <= WEIGHT_AT_MOST:
        sentence = f"Give a whole number from {WEIGHT_AT_LEAST} to {WEIGHT_AT_MOST}."
        raise InvalidInput(f"weight: {sentence}", details={"weight": [sentence]})
    with transaction.atomic():
        app = App.objects.select_for_update(no_key=True).get(pk=app.pk)
        if app.weight != weight:
            before, app.weight = app.weight, weight
            app.save(update_fields=["weight", "updated_at"])
            audit.record(
                app,
                actor,
                "app.weight.changed",
                target_type="app",
                target_id=app.public_id,
                target_name=app.name,
                changes={"weight": [before, weight]},
            )
    return app


def find_app(id_or_slug: str) -> App | None:
    """The app of this public id or slug; None of one that is being deleted."""
    key = from_public_id(Prefix.APP, id_or_slug)
    apps = App.objects.filter(deleting_since=None)
    return (apps.filter(pk=key) if key is not None else apps.filter(slug=id_or_slug)).first()
