"""Setting up an app: the app itself with its first keys, and its share."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks import audit
from webhooks.api_keys import new_keys_with_app
from webhooks.audit import Actor
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
    name = name.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise InvalidInput("Give the app a name of 1 to 200 printable characters.", details={"name": ["Required."]})
    if slug is not None and (slug != slugify(slug) or not 1 <= len(slug) <= 80):
        raise InvalidInput(
            "A slug holds lower-case letters, digits, hyphens and underscores only, 80 at most.",
            details={"slug": ["Use lower-case letters, digits, - and _."]},
        )
    try:
        with transaction.atomic():
            app = App.objects.create(name=name, slug=slug or free_slug(name, App.objects.all(), "app"))
            keys = new_keys_with_app(app, actor)
            if owner is not None:
                Membership.objects.create(app=app, user=owner, role=Role.OWNER)
            audit.record(app, actor, "app.created", target_type="app", target_id=app.public_id, target_name=app.name)
    except IntegrityError as error:
        raise Conflict(
            "Another app has this slug: choose a different one.", code="slug_taken", details={"slug": ["Taken."]}
        ) from error
    return CreatedApp(app, keys["live"], keys["test"])


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
    """The app of this public id or slug."""
    key = from_public_id(Prefix.APP, id_or_slug)
    found = App.objects.filter(pk=key) if key is not None else App.objects.filter(slug=id_or_slug)
    return found.first()
