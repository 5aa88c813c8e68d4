"""The ground a benchmark stands on: servers of its own, an empty directory, and the product's environment."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from tests.servers.postgresql import postgresql
from tests.servers.redis import redis_server

ROOT = Path(__file__).resolve().parent.parent

# As a server in earnest keeps its promises (the tests' own need not), sized as its documentation advises for a machine
# of 2 cores and 24 GiB that runs the rest as well, and counting statements. What is not named is as PostgreSQL comes.
POSTGRESQL_SETTINGS = (
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "shared_buffers=6GB",
    "effective_cache_size=12GB",
    "maintenance_work_mem=1GB",
    "max_wal_size=8GB",
    "min_wal_size=2GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
    "shared_preload_libraries=pg_stat_statements",
    "pg_stat_statements.track_utility=on",
)
_EMPTIED = (
    "events_event, deliveries_delivery, deliveries_attempt, deliveries_lane, webhooks_endpoint, webhooks_endpointsecret"
)


@dataclass(frozen=True)
class Stack:
    """A database and a broker (empty: the embedded one). `directory` is for logs and records, and goes away."""

    database_url: str
    broker_url: str
    directory: Path
    environment: Mapping[str, str]

    @property
    def embedded(self) -> bool:
        return not self.broker_url

    def manage(self, *arguments: str) -> str:
        """Run `manage.py`; returns what it printed. Raises CalledProcessError."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def use_here(self) -> None:
        """Set Django up in this process, once, on this stack."""
        for name in [name for name in os.environ if name.startswith("WEBHOOKS_")]:
            del os.environ[name]
        os.environ.update(self.environment)
        import django

        django.setup()

    def clean(self) -> None:
        """Throw away endpoints, events and deliveries, and bring PostgreSQL to rest; needs use_here()."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(f"truncate {_EMPTIED} cascade")
        self.settle()

    def settle(self) -> None:
        """Statistics as autovacuum would have them, and no checkpoint that is about to come; needs use_here()."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("vacuum analyze")
            cursor.execute("checkpoint")

    def tell_logs(self) -> None:
        """Print the end of what each process said."""
        for log in sorted(self.directory.glob("*.log")):
            last = log.read_text(errors="replace").splitlines()[-15:]
            print("\n".join([f"--- {log.name}", *last]), file=sys.stderr)


@contextmanager
def postgresql_and_redis() -> Iterator[Stack]:
    """A migrated stack as in production."""
    with postgresql(*POSTGRESQL_SETTINGS) as database_url, redis_server() as redis_url, _directory() as directory:
        yield _migrated(database_url, f"{redis_url}/0", directory)


@contextmanager
def sqlite() -> Iterator[Stack]:
    """A migrated stack as on a fresh machine: one file, no broker."""
    with _directory() as directory:
        yield _migrated(f"sqlite:///{directory / 'switera.sqlite3'}", "", directory)


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="switera-benchmark-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _migrated(database_url: str, broker_url: str, directory: Path) -> Stack:
    stack = Stack(database_url, broker_url, directory, _environment(database_url, broker_url, directory))
    stack.manage("migrate", "--verbosity", "0")
    return stack


def _environment(database_url: str, broker_url: str, directory: Path) -> dict[str, str]:
    """All that the product's processes see of the environment: nothing of this machine's settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "switera_webhooks.settings",
        "SWITERA_ENV_FILE": "",
        "DEBUG": "false",
        "ALLOWED_HOSTS": HOST,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "EMAIL_URL": "memorymail://",
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url,
        "WEBHOOKS_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "WEBHOOKS_ALLOW_HTTP": "true",
        "WEBHOOKS_ALLOWED_PORTS": "*",
        "WEBHOOKS_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8",
    }


# The product's own host; not 127.0.0.1, where the receivers are (the product refuses to send to itself).
HOST = "webhooks.switera.example"
