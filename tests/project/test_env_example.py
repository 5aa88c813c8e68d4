"""`.env.example` lists what can be set: nothing is missing or made up, and the defaults are the true ones."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from tests.programs import ROOT, run_program

READERS = {"boolean", "broker", "database", "decimal_number", "email", "networks", "ports", "seconds", "texts"}
READERS |= {"http_proxy", "key_hashes", "one_of", "text", "whole_number"}


def _listed() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))


def _read_by(path: Path) -> set[str]:
    """The names that a module asks the environment for."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in READERS and re.fullmatch(r"[A-Z][A-Z0-9_]+", name := str(node.args[0].value)):
                names.add(name)
    return names


def test_it_lists_what_is_read_and_nothing_else() -> None:
    project = ROOT / "switera_webhooks"
    assert set(_listed()) == _read_by(project / "settings.py") | _read_by(project / "run" / "__main__.py")


def test_every_variable_has_a_line_that_says_what_it_is() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    settings = [(before, line) for before, line in itertools.pairwise(lines) if re.match("[A-Z_]+=", line)]
    assert len(settings) == len(_listed())
    assert [line for before, line in settings if not before.startswith("# ")] == []


SHOW = """
from switera_webhooks import settings
for name in sorted(dir(settings)):
    value = getattr(settings, name)
    if name.isupper() and name not in ("SECRET_KEY", "WEBHOOKS_ENCRYPTION_KEYS"):
        print(name, sorted(value) if isinstance(value, frozenset) else value)
"""


@pytest.mark.parametrize("debug", ["true", "false"])
def test_its_values_are_the_defaults(debug: str) -> None:
    def shown(variables: dict[str, str]) -> str:
        result = run_program("-c", SHOW, variables={**variables, "DEBUG": debug})
        assert result.stderr == ""
        return result.stdout

    assert shown(_listed()) == shown({})
    assert "WEBHOOKS_TIMEOUT 15.0" in shown({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgress://switera:hush@host/name"),
        ("DATABASE_URL", "postgres://switera:hush@host:port/name"),
        ("DATABASE_URL", "sqlite://"),
        ("CELERY_BROKER_URL", "http://switera:hush@host"),
        ("EMAIL_URL", "mail://switera:hush@host"),
        ("WEBHOOKS_RETRY_SCHEDULE", "5,-1"),
        ("WEBHOOKS_RETENTION_DAYS", "0"),
        ("WEBHOOKS_REPLAY_MAX", "-1"),
        ("WEBHOOKS_ALLOWED_PORTS", "443,70000"),
        ("WEBHOOKS_ALLOWED_PRIVATE_NETWORKS", "10.0.0.1/8"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_and_no_password_shown(variable: str, value: str) -> None:
    result = run_program("manage.py", "check", variables={"DEBUG": "true", variable: value})
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Settings: {variable} ")
    assert "hush" not in line
