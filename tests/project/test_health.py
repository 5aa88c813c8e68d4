"""GET /livez and /readyz: the database decides, broker and workers are only told."""

import time
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from switera_webhooks.api import health
from tests.servers.processes import free_port

PATHS = pytest.mark.parametrize("path", ["/livez", "/readyz"])


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_probe", health._Probe())


@pytest.fixture
def use_broker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives the app another broker until the test ends; Celery itself reads this variable first."""
    settings.CELERY_EMBEDDED = False
    return lambda url: monkeypatch.setenv("CELERY_BROKER_URL", url)


@PATHS
def test_it_is_200_without_a_key_when_the_database_is_migrated(
    client: Client, db: None, settings: Settings, path: str
) -> None:
    settings.CELERY_EMBEDDED = True
    response = client.get(path)
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "database": "ok",
        "migrations": "applied",
        "broker": "embedded",
        # This process has no embedded worker.
        "workers": "none",
    }


@PATHS
def test_it_is_503_while_a_migration_is_pending(client: Client, db: None, settings: Settings, path: str) -> None:
    settings.CELERY_EMBEDDED = True
    latest = max(
        name for app_label, name in MigrationRecorder(connection).applied_migrations() if app_label == "events"
    )
    MigrationRecorder(connection).record_unapplied("events", latest)
    response = client.get(path)
    assert response.status_code == 503
    assert (response.json()["status"], response.json()["migrations"]) == ("unavailable", "pending")


def test_a_broker_that_is_down_is_told_soon_and_decides_nothing(
    client: Client, db: None, use_broker: Callable[[str], None]
) -> None:
    use_broker(f"redis://127.0.0.1:{free_port()}/0")
    began = time.monotonic()
    response = client.get("/readyz")
    assert time.monotonic() - began < health.BROKER_WAIT_SECONDS + 1.5
    assert response.status_code == 200
    assert (response.json()["broker"], response.json()["workers"]) == ("unreachable", "unknown")


def test_a_broker_without_workers_is_told(
    client: Client, db: None, use_broker: Callable[[str], None], redis_url: str
) -> None:
    use_broker(redis_url)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert (response.json()["broker"], response.json()["workers"]) == ("ok", "none")
