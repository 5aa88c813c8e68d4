"""The product's settings with an environment of the tests' own.

Whatever this machine's environment or `.env` says is ignored. Without anything set, the tests run on SQLite
and the in-memory broker; tests/run.py names its servers in TEST_DATABASE_URL and TEST_REDIS_URL.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

DJANGO_VARIABLES = {
    "ALLOWED_HOSTS",
    "CELERY_BROKER_URL",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
    "DEBUG",
    "EMAIL_URL",
    "EVENT_EMAIL_INNER_BACKEND",
    "PORT",
    "RECEIVER_PORT",
    "SECRET_KEY",
    "TRUSTED_PROXIES",
}


def is_product_variable(name: str) -> bool:
    """Whether the product reads this environment variable."""
    return name.startswith(("WEBHOOKS_", "ANYMAIL_")) or name in DJANGO_VARIABLES


def redis_database(worker: str) -> int:
    """The Redis database of a test process: `worker` is pytest-xdist's name for it, empty without xdist."""
    return int(worker.removeprefix("gw")) + 1 if worker else 0


for name in [name for name in os.environ if is_product_variable(name)]:
    del os.environ[name]

# One directory a process: test runs side by side do not meet.
_directory = Path(tempfile.mkdtemp(prefix="switera-tests-"))
atexit.register(shutil.rmtree, _directory, ignore_errors=True)

_redis = os.environ.get("TEST_REDIS_URL", "")
os.environ.update(
    SWITERA_ENV_FILE="",
    ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY="only-for-tests",
    ANYMAIL_WEBHOOK_SECRET="mail:only-for-tests",
    ALLOWED_HOSTS="testserver,webhooks.switera.example",
    CELERY_BROKER_URL=f"{_redis}/{redis_database(os.environ.get('PYTEST_XDIST_WORKER', ''))}" if _redis else "",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{_directory / 'tests.sqlite3'}",
    DEBUG="false",
    EMAIL_URL="memorymail://",
    SECRET_KEY="only-for-tests-only-for-tests-only-for-tests-only-for-tests",
    WEBHOOKS_ENCRYPTION_KEYS=(
        "dGVzdHMtZW5jcnlwdC13aXRoLXRoaXMta2V5LWZpcnM=,dGVzdHMtcmVhZC10aGlzLW9uZS1vbmx5LW9sZC1rZXk="
    ),
)

from switera_webhooks.settings import *  # noqa: E402, F403
from switera_webhooks.settings import BASE_DIR, DATABASES, TEMPLATES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file: threads of one test see no other's in-memory database.
    DATABASES["default"]["TEST"] = {"NAME": str(_directory / "test.sqlite3")}
# Static files as they lie in the checkout: nothing is collected before a test run.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
# The gallery of components (tests/gallery.py).
TEMPLATES[0]["DIRS"].append(BASE_DIR / "tests" / "templates")  # type: ignore[attr-defined]
