"""A Redis server for the tests."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.servers import processes


def program() -> Path | None:
    """`redis-server`, where it is installed."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


@contextmanager
def redis_server() -> Iterator[str]:
    """Run Redis without persistence; gives its URL without a database number (0 to 15 are free)."""
    server = program()
    if server is None:
        raise processes.ServerNotStartedError("Redis is not installed.")
    with processes.data_directory() as directory:
        port, password = processes.free_port(), secrets.token_hex(16)
        settings = directory / "redis.conf"
        # A file: what stands on a command line is for all to read.
        settings.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {directory}\n'
        )
        processes.give(settings)
        url = f"redis://:{password}@127.0.0.1:{port}"
        with processes.running([str(server), str(settings)], directory, ready=lambda: _answers(url)):
            yield url


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
