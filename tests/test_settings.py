"""The tests' settings are the same whatever the machine says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.settings import is_product_variable, redis_database

ROOT = Path(__file__).resolve().parent.parent


def test_what_the_machine_says_is_ignored() -> None:
    hostile = {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "DEBUG": "true",
        "SECRET_KEY": "of-the-machine",
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "WEBHOOKS_TIMEOUT": "not a number",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "from tests import settings as s; print(s.DEBUG, s.CELERY_BROKER_URL, s.WEBHOOKS_TIMEOUT,"
            " s.SECRET_KEY, s.DATABASES['default']['ENGINE'])",
        ],
        cwd=ROOT,
        env={**inherited, **hostile},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert shown == ["False", "memory://", "15.0", settings.SECRET_KEY, "django.db.backends.sqlite3"]


def test_every_variable_of_the_example_file_is_the_products() -> None:
    names = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert names
    assert [name for name in names if not is_product_variable(name)] == []


@pytest.mark.parametrize(("worker", "database"), [("", 0), ("gw0", 1), ("gw1", 2)])
def test_test_processes_side_by_side_use_redis_databases_of_their_own(worker: str, database: int) -> None:
    assert redis_database(worker) == database
