"""What every test has: a network that ends at loopback, the markers, and servers of the tests' own.

A domain's fixtures live in the conftest of its folder.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.conf import settings
from psycopg import sql

from tests import emptying, network
from tests.servers import rabbitmq as rabbitmq_module
from tests.servers import redis as redis_module
from tests.settings import redis_database

MARKERS = {
    "postgresql": "needs PostgreSQL: left out where the tests run on SQLite",
    "system": "runs whole processes of the product: one at a time",
}


def pytest_configure(config: pytest.Config) -> None:
    network.block()
    emptying.use()
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


# First: pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    left_out = [
        item
        for item in items
        if (on_sqlite and item.get_closest_marker("postgresql"))
        or (os.environ.get("TEST_DATABASE_AGAIN") and not _differs_by_database(item))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        if item.get_closest_marker("system"):
            item.add_marker(pytest.mark.xdist_group("system"))


def _differs_by_database(item: pytest.Item) -> bool:
    """Whether a second pass, on another database, could tell anything new of this test.

    A browser sees what the pages' own tests read, so it looks once.
    """
    if "tests/browser/" in item.nodeid:
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return any(item.get_closest_marker(name) for name in ("django_db", "system")) or bool(
        {"db", "transactional_db"} & fixtures
    )


@pytest.fixture
def empty_database_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a new database without tables, of the kind this run is on, for whole processes."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    name = f"empty_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def _redis_server_url() -> Iterator[str]:
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
    elif redis_module.program() is None:
        pytest.skip("Redis is not installed; `make test` says how to install it.")
    else:
        with redis_module.redis_server() as url:
            yield url


@pytest.fixture
def redis_url(_redis_server_url: str) -> str:
    """The URL of an empty Redis database that no other test process uses."""
    url = f"{_redis_server_url}/{redis_database(os.environ.get('PYTEST_XDIST_WORKER', ''))}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """The URL of a RabbitMQ server that starts for the first test that asks (6 s)."""
    if rabbitmq_module.program() is None:
        pytest.skip("RabbitMQ is not installed; `make test` says how to install it.")
    with rabbitmq_module.rabbitmq() as url:
        yield url
