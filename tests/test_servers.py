"""The tests' servers: reachable on loopback alone, and gone with whoever started them."""

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from kombu import Connection

from tests.servers import processes
from tests.servers.redis import redis_server

ROOT = Path(__file__).resolve().parent.parent

STARTER = """
import sys
from tests.servers.redis import redis_server
with redis_server() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def _redis_listening_at(url: str) -> psutil.Process:
    """The process behind a Redis URL, by what the server says of itself."""
    with redis.Redis.from_url(url) as client:
        return psutil.Process(client.info("server")["process_id"])


def test_redis_keeps_databases_apart(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("a", "b")
        assert client.get("a") == b"b"


def test_a_server_ends_with_its_block_and_its_data_with_it(redis_url: str) -> None:
    with redis_server() as url:
        server = _redis_listening_at(url)
        directory = Path(server.cwd())
        assert {connection.laddr.ip for connection in server.net_connections("tcp")} == {"127.0.0.1"}
    server.wait(10)
    assert not directory.exists()


def test_a_server_does_not_outlive_a_starter_that_is_killed(redis_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        server = _redis_listening_at(starter.stdout.readline().strip())
        directory = server.cwd()
        starter.kill()
    server.wait(10)
    shutil.rmtree(directory)


def test_a_server_that_cannot_start_says_why() -> None:
    with (
        processes.data_directory() as directory,
        pytest.raises(
            processes.ServerNotStartedError,
            match=r"^ls ended with 2 instead of starting:\n/bin/ls: unrecognized",
        ),
        processes.running(["/bin/ls", "--no-such-option"], directory, ready=lambda: False),
    ):
        pass


def test_an_empty_database_has_no_tables(empty_database_url: str) -> None:
    if empty_database_url.startswith("sqlite:///"):
        assert not Path(empty_database_url.removeprefix("sqlite:///")).exists()
        return
    with psycopg.connect(empty_database_url) as connection:
        rows = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert rows == (0,)


@pytest.mark.system
def test_rabbitmq_carries_a_message(rabbitmq_url: str) -> None:
    with Connection(rabbitmq_url) as connection, connection.SimpleQueue("hello") as queue:
        queue.put({"work": True})
        message = queue.get(timeout=10)
        assert message.payload == {"work": True}
        message.ack()
