"""The programs of other languages that run receivers in tests, where this machine has them."""

import shutil
import subprocess
from pathlib import Path


def curl() -> Path | None:
    return _program("curl")


def go() -> Path | None:
    return _program("go")


def php() -> Path | None:
    return _program("php")


def ruby() -> Path | None:
    """Ruby, where it has Sinatra and a web server for it."""
    found = _program("ruby")
    return found if found and _has_sinatra(found) else None


def _program(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _has_sinatra(ruby: Path) -> bool:
    looked = subprocess.run(
        [ruby, "-e", "%w[sinatra webrick].each { |name| Gem::Specification.find_by_name(name) }"],
        capture_output=True,
        check=False,
    )
    return looked.returncode == 0
