"""What all our commands have in common: a mistake or an outage is one line on standard error and exit code 1."""

import json

import pytest
from django.core.management import ManagementUtility

from tests.programs import PRODUCTION, manage

DEVELOPMENT = {"DEBUG": "true", "CELERY_BROKER_URL": "", "WEBHOOKS_ENCRYPTION_KEYS": "", "SECRET_KEY": ""}
COMMANDS = {
    "create_app": ["Shop"],
    "create_api_key": ["shop"],
    "add_member": ["shop", "ada@example.com"],
    "add_endpoint": ["shop", "https://192.0.78.1/"],
    "emit_event": ["shop", "order.paid"],
    "sync_event_catalog": [],
    "export_event_catalog": ["shop"],
    "import_event_catalog": ["shop", "pyproject.toml"],
    "deliver_due": ["--until-empty"],
    "engine_status": [],
    "prune_history": [],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_without_tables_is_one_line(command: str, empty_database_url: str) -> None:
    result = manage(
        command, *COMMANDS[command], "--json", variables={**DEVELOPMENT, "DATABASE_URL": empty_database_url}
    )
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("CommandError: The database is not migrated (")


@pytest.mark.parametrize("command", ["emit_event", "deliver_due"])
def test_a_database_that_is_down_is_one_line_without_its_password(command: str) -> None:
    result = manage(command, *COMMANDS[command], variables=PRODUCTION)
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("CommandError: The database did not answer as it should (")
    assert "secret" not in line


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("create_app", [], "the following arguments are required: NAME"),
        ("create_api_key", ["shop", "--environment", "x"], "argument --environment: invalid choice: 'x'"),
        ("retry_deliveries", ["shop", "--after", "x"], "argument --after: "),
        ("listen", ["--port", "70000"], "argument --port: give a number from 1 to 65535"),
        ("engine_status", ["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_arguments_that_are_wrong_are_one_line(
    command: str, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ManagementUtility(["manage.py", command, *arguments, *([] if command == "listen" else ["--json"])]).execute()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith(f"manage.py {command}: error: {sentence}")


@pytest.mark.parametrize("command", [*COMMANDS, "listen"])
def test_help_says_what_it_does(command: str) -> None:
    result = manage(command, "--help", variables=DEVELOPMENT)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: manage.py {command} ")


def test_emitting_from_the_command_line_with_the_broker_down_works(empty_database_url: str) -> None:
    """S44: the event is there, the document is one, and the outage is a line beside it at the most."""
    variables = {**DEVELOPMENT, "DATABASE_URL": empty_database_url, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    assert manage("migrate", "--verbosity", "0", variables=variables).returncode == 0
    created = manage("create_app", "Shop", "--json", variables=variables)
    app_id = json.loads(created.stdout)["app"]["id"]
    define = (
        "from events.event_types import create_event_type as c; from webhooks.app_setup import find_app as f;"
        "from webhooks.audit import SYSTEM; c(f('shop'), 'order.paid', '', None, None, SYSTEM)"
    )
    assert manage("shell", "--no-imports", "-c", define, variables=variables).returncode == 0
    result = manage("emit_event", app_id, "order.paid", "--json", variables=variables)
    assert result.returncode == 0
    assert json.loads(result.stdout)["type"] == "order.paid"
    assert "Traceback" not in result.stderr
