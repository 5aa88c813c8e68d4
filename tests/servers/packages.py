"""The Debian packages that the whole suite needs, installed where that is allowed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.receivers import runtimes
from tests.servers import postgresql, rabbitmq, redis

# Debian's name of the package, and what finds its program on this machine.
PACKAGES: dict[str, Callable[[], Path | None]] = {
    "postgresql": postgresql.program,
    "redis-server": redis.program,
    "rabbitmq-server": rabbitmq.program,
    "chromium": lambda: Path(found) if (found := shutil.which("chromium")) else None,
    "curl": runtimes.curl,
    "golang-go": runtimes.go,
    "ruby-sinatra": runtimes.ruby,
    "ruby-webrick": runtimes.ruby,
    "php-cli": runtimes.php,
}
# Debian asks this file, where it exists, whether a package may start its service; 101 is no.
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


class MissingPackagesError(Exception):
    """Programs are missing and may not be installed from here; the message says what to do."""


def missing(packages: Mapping[str, Callable[[], Path | None]]) -> list[str]:
    """Debian's names of those of the packages whose programs are not on this machine."""
    return [package for package, program in packages.items() if program() is None]


def ensure_installed(packages: Mapping[str, Callable[[], Path | None]] | None = None) -> None:
    """Install what is missing of these (by default what the tests need), when run by root on Debian.

    Raises MissingPackagesError otherwise.
    """
    packages = PACKAGES if packages is None else packages
    wanted = missing(packages)
    if not wanted:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stdout.write(f"Installing: {', '.join(wanted)}\n")
        sys.stdout.flush()
        _install(wanted)
        wanted = missing(packages)
    if wanted:
        raise MissingPackagesError(sentence(wanted))


def sentence(packages: list[str]) -> str:
    """What a person has to do about missing packages."""
    return f"More programs are needed: install them with `sudo apt-get install {' '.join(packages)}`."


def _install(packages: list[str]) -> None:
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _services_left_off():
        for step in (["update"], ["install", "--no-install-recommends", *packages]):
            result = subprocess.run([*apt, *step], env=quiet, capture_output=True, text=True)
            if result.returncode:
                raise MissingPackagesError(f"{sentence(packages)} apt-get said:\n{result.stderr.strip()}")


@contextmanager
def _services_left_off() -> Iterator[None]:
    """Keep the packages from starting servers of this machine; a policy that is there already stays."""
    if SERVICE_POLICY.exists():
        yield
        return
    SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n")
    SERVICE_POLICY.chmod(0o755)
    try:
        yield
    finally:
        SERVICE_POLICY.unlink()
