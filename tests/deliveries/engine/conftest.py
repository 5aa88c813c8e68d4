"""Loopback receivers are let through; an engine is closed when its test ends."""

import ipaddress
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from deliveries.engine.drain import Engine


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_ALLOWED_PORTS = None
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    settings.WEBHOOKS_RETRY_JITTER = 0.0


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()
