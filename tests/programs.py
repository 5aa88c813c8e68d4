"""Running the product's own programs, in an environment that says what the test says and nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 30

# All that a production installation must set (README, "Settings").
PRODUCTION = {
    "SECRET_KEY": "Zk3-a-long-random-text-of-this-installation-alone-Yq81xWv0LmT5",
    "ALLOWED_HOSTS": "hooks.example.com",
    "WEBHOOKS_ENCRYPTION_KEYS": "cHJvZHVjdGlvbi1rZXktb2YtMzItYnl0ZXMtLS0tLS0=",
    "DATABASE_URL": "postgres://switera:secret@127.0.0.1:1/switera",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
}


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables, no `.env`, and what any program needs."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SWITERA_ENV_FILE": "",
        **variables,
    }


def run_program(
    *arguments: str, variables: Mapping[str, str] | None = None, stdin: str = "", cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """`python arguments` to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(variables or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def manage(
    *arguments: str, variables: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """`manage.py arguments` to its end."""
    return run_program("manage.py", *arguments, variables=variables, stdin=stdin)
