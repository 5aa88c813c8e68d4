"""The environment of a development run: what is set wins, be it set to nothing; the rest is set up for loopback."""

import os
from pathlib import Path

from switera_webhooks.environment import read_env_file

DEFAULTS = {
    "DEBUG": "true",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    "WEBHOOKS_ALLOW_HTTP": "true",
    "WEBHOOKS_ALLOWED_PORTS": "*",
    "WEBHOOKS_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8",
}

_ENV_FILE = """\
# Development settings, written by `make run`; manage.py reads them too. `.env.example` lists every variable.
"""


def prepare_environment(base_dir: Path) -> None:
    """Read `.env` and set the defaults that nobody set; where there is no `.env`, write one of defaults alone."""
    env_file = base_dir / ".env"
    if not env_file.exists():
        lines = [f"{name}={value}\n" for name, value in DEFAULTS.items()]
        env_file.write_text(_ENV_FILE + "".join(lines))
    read_env_file(base_dir)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
