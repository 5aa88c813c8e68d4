"""A PostgreSQL server for the tests."""

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.servers import processes

OLDEST_MAJOR = 15
USER = "switera"


def program() -> Path | None:
    """`initdb` of the newest PostgreSQL that Debian's packages put on this machine, or of the PATH."""
    debian = {
        int(path.parts[-3]): path
        for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if path.parts[-3].isdecimal()
    }
    if debian and max(debian) >= OLDEST_MAJOR:
        return debian[max(debian)]
    on_path = shutil.which("initdb")
    return Path(on_path) if on_path and not debian else None


@contextmanager
def postgresql(*settings: str) -> Iterator[str]:
    """Run PostgreSQL; gives the URL of its database `switera`, whose user may create others.

    `settings`, such as "fsync=on", come on top of what suits tests.
    """
    initdb = program()
    if initdb is None:
        raise processes.ServerNotStartedError(f"PostgreSQL {OLDEST_MAJOR} or newer is not installed.")
    with processes.data_directory() as directory:
        password = secrets.token_hex(16)
        _initialise(initdb, directory, password)
        port = processes.free_port()
        server = f"postgres://{USER}:{password}@127.0.0.1:{port}"
        argv = [str(initdb.with_name("postgres")), "-D", str(directory / "data")]
        for setting in (
            "listen_addresses=127.0.0.1",
            f"port={port}",
            f"unix_socket_directories={directory}",
            "max_connections=200",
            # The data is thrown away, so nothing has to outlive a power cut.
            "fsync=off",
            "full_page_writes=off",
            *settings,
        ):
            argv += ["-c", setting]

        # SIGQUIT is PostgreSQL's "now": no checkpoint, no waiting for clients.
        with processes.running(argv, directory, ready=lambda: _answers(f"{server}/postgres"), stop=signal.SIGQUIT):
            with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
                connection.execute("create database switera")
            yield f"{server}/switera"


def _initialise(initdb: Path, directory: Path, password: str) -> None:
    password_file = directory / "password"
    password_file.write_text(password)
    processes.give(password_file)
    subprocess.run(
        processes.command(
            [
                str(initdb),
                f"--pgdata={directory / 'data'}",
                f"--username={USER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]
        ),
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=directory,
        env=processes.environment(directory),
    )


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
