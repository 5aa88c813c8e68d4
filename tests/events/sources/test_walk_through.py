"""What docs/sources.md shows, as it stands there: by the platform key, by a mail that leaves, by one that bounces."""

import re
from pathlib import Path

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from events.event_types import sync_event_catalog
from events.models import Event
from tests.events.sources.mail_services import SECRET, post_text
from tests.factories import make_app
from webhooks.models import App
from webhooks.platform_keys import new_platform_key

pytestmark = pytest.mark.django_db
GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "sources.md").read_text()


@pytest.fixture
def app() -> App:
    sync_event_catalog()
    return make_app().app


def _body(path: str, app: App) -> str:
    """What the guide's curl sends there."""
    [body] = re.findall(rf"curl [^\n]*{path}[^\n]* -d '(.*?}}}})'\n", GUIDE, re.S)
    return str(body).replace("'$APP_ID'", app.public_id).replace("app_…", app.public_id)


def test_the_platform_key(app: App, settings: Settings) -> None:
    text, key_hash = new_platform_key()
    settings.WEBHOOKS_PLATFORM_KEY_HASHES = (bytes.fromhex(key_hash),)
    path = "/api/v1/platform/events"

    answer = Client().post(
        path, _body(path, app), content_type="application/json", headers={"Authorization": f"Bearer {text}"}
    )

    assert answer.status_code == 202
    assert [(event.app, event.type) for event in Event.objects.all()] == [(app, "auth.mfa.enabled")]


def test_a_mail_that_leaves(app: App, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "events.sources.email.EventEmailBackend"
    settings.EVENT_EMAIL_INNER_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    [block] = re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S)
    [in_the_shell] = re.findall(r'manage.py shell -c "\n(.*?)"', GUIDE, re.S)

    for code in (block.replace("app_…", app.public_id), in_the_shell.replace("$APP_ID", app.public_id)):
        exec("\n".join(line.removeprefix("   ") for line in code.splitlines()), {})  # noqa: S102 (our own guide)

    assert len(mail.outbox) == 2
    assert [(event.app, event.type) for event in Event.objects.all()] == [(app, "email.sent"), (app, "email.sent")]


def test_a_mail_that_bounces(app: App) -> None:
    assert post_text("postmark", _body("/anymail/postmark/tracking/", app), SECRET) == 200

    assert [(event.app, event.type) for event in Event.objects.all()] == [(app, "email.bounced")]
