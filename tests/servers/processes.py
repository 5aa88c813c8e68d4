"""Running one server program: as a user without rights, ending with its starter, ready when it says so."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 90.0
STOP_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 0.05


class ServerNotStartedError(Exception):
    """A server ended, or was not ready in time; the message ends with what it said last."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    return free_ports(1)[0]


def free_ports(number: int) -> list[int]:
    """So many different ones; asked for one by one, the same may come twice."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(number)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def listens(port: int) -> bool:
    """Whether something on 127.0.0.1 takes connections at `port`."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom servers run as when the tests run as root (PostgreSQL refuses root); None: as ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def give(path: Path) -> Path:
    """Hand a file or directory to the user the servers run as, readable by nobody else."""
    path.chmod(0o700 if path.is_dir() else 0o600)
    if user := _unprivileged():
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


@contextmanager
def data_directory() -> Iterator[Path]:
    """A directory for one server's data, removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="switera-tests-"))
    try:
        yield give(path)
    finally:
        # A server that was just killed may still be closing files.
        shutil.rmtree(path, ignore_errors=True)


def command(argv: list[str], death_signal: str = "KILL", *, as_ourselves: bool = False) -> list[str]:
    """`argv` as a server's user; the kernel sends it `death_signal` when the thread that started it ends."""
    wrapped = ["setpriv", "--pdeathsig", death_signal]
    if not as_ourselves and (user := _unprivileged()):
        wrapped += ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    return [*wrapped, "--", *argv]


def environment(directory: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a server sees: nothing of this machine's PG*, REDIS_* or RABBITMQ_* variables."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        **(extra or {}),
    }


@contextmanager
def running(
    argv: list[str],
    directory: Path,
    *,
    ready: Callable[[], bool],
    stop: signal.Signals = signal.SIGTERM,
    variables: Mapping[str, str] | None = None,
    as_ourselves: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; its words are kept in `directory`.

    `as_ourselves` is for programs that another user may not be able to read, such as this Python.
    Raises ServerNotStartedError when it ends, or `ready()` is not true within START_SECONDS.
    """
    log = directory / f"{Path(argv[0]).name}.log"
    with log.open("wb") as output:
        # A session of its own: the terminal's Ctrl-C goes to the tests first, which then stop their servers.
        process = subprocess.Popen(
            command(argv, stop.name.removeprefix("SIG"), as_ourselves=as_ourselves),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=environment(directory, variables),
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, ready, log)
        yield process
    finally:
        _end(process, stop)


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    name = log.stem
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if ready():
            return
        try:
            code = process.wait(LOOK_AGAIN_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        raise ServerNotStartedError(f"{name} ended with {code} instead of starting:\n{_last_lines(log)}")
    raise ServerNotStartedError(f"{name} was not ready after {START_SECONDS:.0f} s:\n{_last_lines(log)}")


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    """End the server and all it started; a server that does not listen to `stop` is killed."""
    for sent in (stop, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            pass
        try:
            process.wait(STOP_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
