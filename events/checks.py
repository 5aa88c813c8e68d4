"""System checks of settings that name rows."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError

from webhooks.models import App


@register(Tags.database)
def auth_app(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Run by `migrate` and `check --database default`."""
    slug: str = settings.WEBHOOKS_AUTH_APP
    if not slug or not databases:
        return []
    try:
        if App.objects.filter(slug=slug).exists():
            return []
    except DatabaseError:  # nothing is migrated yet
        return []
    return [
        Warning(
            f"WEBHOOKS_AUTH_APP is {slug!r}, and no app has this slug: nothing is emitted of this project's users.",
            hint="Set it to the slug of the app that they are the end users of, or to nothing.",
            id="switera.W008",
        )
    ]
