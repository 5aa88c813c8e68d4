"""A RabbitMQ server for the tests: slow to start (seconds), so only the test that needs it does."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kombu import Connection

from tests.servers import processes

# The script itself: Debian's wrapper on the PATH runs for root and its own user only.
DEBIAN_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def program() -> Path | None:
    """RabbitMQ's start script, where it is installed."""
    if DEBIAN_SCRIPT.exists():
        return DEBIAN_SCRIPT
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


@contextmanager
def rabbitmq() -> Iterator[str]:
    """Run RabbitMQ with its own name daemon (epmd); gives the URL of its one virtual host."""
    server = program()
    name_daemon = shutil.which("epmd")
    if server is None or name_daemon is None:
        raise processes.ServerNotStartedError("RabbitMQ is not installed.")
    with processes.data_directory() as directory:
        port, name_port = processes.free_port(), processes.free_port()
        password = secrets.token_hex(16)
        _write(
            directory / "rabbitmq.conf",
            f"""\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = switera
default_pass = {password}
""",
        )
        _write(directory / "plugins", "[].\n")
        variables = {
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(name_port),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_DIST_PORT": str(processes.free_port()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_NODENAME": f"switera-tests-{port}@localhost",
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the script become the server instead of its parent, so that signals reach the server.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        url = f"amqp://switera:{password}@127.0.0.1:{port}//"
        with (
            processes.running(
                [name_daemon, "-port", str(name_port)],
                directory,
                ready=lambda: processes.listens(name_port),
                variables=variables,
            ),
            processes.running([str(server)], directory, ready=lambda: _answers(url), variables=variables),
        ):
            yield url


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    processes.give(path)


def _answers(url: str) -> bool:
    connection = Connection(url, connect_timeout=2)
    try:
        connection.connect()
    except connection.connection_errors:
        return False
    finally:
        connection.release()
    return True
