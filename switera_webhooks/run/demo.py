"""The demo that a development run begins with: an app, a Builder who owns it, keys, a customer, the sample receiver.

It is made once. What a person needs again, which the database does not keep in clear, lies in `var/demo.json`.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from deliveries.endpoints import EndpointFields, create_endpoint, update_endpoint
from events.event_types import create_event_type, visible_event_types
from switera_webhooks.environments import Environment
from webhooks.app_setup import create_app, find_app
from webhooks.audit import Actor, ActorType
from webhooks.destinations.acceptance import check_endpoint_url
from webhooks.models import App, Endpoint
from webhooks.organizations.organization import create_organization
from webhooks.secrets import reveal_secret

ACTOR = Actor(ActorType.COMMAND, name="make run")
ORGANIZATION = "Acme"
EVENT_TYPE = "order.paid"
EXAMPLE = {"order_id": "1042", "amount": 4999, "currency": "EUR"}


@dataclass(frozen=True)
class Demo:
    """What is kept: ids, and the sign-in and keys in clear."""

    app_id: str
    username: str
    password: str
    live_key: str
    test_key: str
    endpoint_id: str = ""


def ensure_demo(path: Path) -> Demo:
    """The demo of this database, made where `path` knows of none that is still there."""
    for demo in _kept(path):
        app = find_app(demo.app_id)
        if app is not None:
            break
    else:
        with transaction.atomic():
            demo = _create()
            # Before the commit: a demo whose keys nobody knows is worse than a line about none.
            _keep(path, demo)
        app = _app(demo)
    if not visible_event_types(app).filter(name=EVENT_TYPE).exists():
        create_event_type(app, EVENT_TYPE, "A customer paid an order.", None, EXAMPLE, ACTOR)
    return demo


def ensure_receiver(path: Path, demo: Demo, url: str) -> str:
    """The endpoint at the sample receiver's URL; its secret. Raises UrlRefused where the guard refuses the URL."""
    url = check_endpoint_url(url).url
    app = _app(demo)
    for endpoint in Endpoint.objects.filter(app=app, deleted_at=None):
        if endpoint.public_id == demo.endpoint_id:
            if endpoint.url != url:
                update_endpoint(endpoint, {"url": url}, ACTOR)
            return reveal_secret(endpoint, ACTOR)
    fields = EndpointFields(url=url, event_types=["*"], name="Sample receiver")
    with transaction.atomic():
        created = create_endpoint(app, Environment.LIVE, fields, ACTOR)
        _keep(path, replace(demo, endpoint_id=created.endpoint.public_id))
    return created.secret


def _create() -> Demo:
    users = User.objects
    number = 1
    while users.filter(username=(username := "demo" if number == 1 else f"demo-{number}")).exists():
        number += 1
    password = secrets.token_urlsafe(9)
    user = users.create_user(username, f"{username}@example.com", password)
    created = create_app("Demo", owner=user, actor=ACTOR)
    create_organization(created.app, ORGANIZATION, actor=ACTOR)
    return Demo(created.app.public_id, username, password, created.live_key, created.test_key)


def _app(demo: Demo) -> App:
    app = find_app(demo.app_id)
    if app is None:
        raise LookupError(f"The demo app {demo.app_id} is gone.")
    return app


def _kept(path: Path) -> list[Demo]:
    """One for each database that this checkout has run on."""
    try:
        return [Demo(**record) for record in json.loads(path.read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def _keep(path: Path, demo: Demo) -> None:
    others = [other for other in _kept(path) if other.app_id != demo.app_id]
    # Nobody else makes it where the database, SECRET_KEY and the encryption keys are all set in the environment.
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump([asdict(kept) for kept in [*others, demo]], file, indent=2)
    new.replace(path)
