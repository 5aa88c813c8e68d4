"""`make run`: from a clean checkout to a verified delivery, and an end without leftovers."""

import re
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.programs import environment, run_program
from tests.system.conftest import StartRun
from tests.system.service import Run, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CURL = r"(?m)^ *(curl .*)$"


def emit_by_curl(run: Run) -> str:
    """Paste the printed line into a shell; the id of the event."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    line = run.wait_for(CURL)[1]
    answer = subprocess.run(["sh", "-c", line], env=environment({}), capture_output=True, text=True, check=True)
    event = re.search(r"evt_\w+", answer.stdout)
    assert event, answer.stdout
    return event[0]


def credentials(run: Run) -> list[str]:
    run.wait_for(CURL)
    return re.findall(r"app_\w+|sk_\w+|demo / \S+", run.output.partition("Emit an event")[0])


def test_a_clean_checkout_delivers_what_the_printed_curl_emits(start_run: StartRun, tree: Path) -> None:
    before = {path.name for path in tree.iterdir()}
    run = start_run()
    event_id = emit_by_curl(run)
    line = run.wait_for(rf".*{event_id}.*")[0]
    assert re.fullmatch(
        rf'\d\d:\d\d:\d\d  order\.paid  {event_id}  dlv_\w+  attempt 1  verified  \{{"order_id": "1042", .*\}}', line
    )
    assert run.ctrl_c() == 0
    # Calm: the banner, the event, and nothing else.
    assert "Traceback" not in run.output
    assert run.output.rstrip().endswith(line)
    assert "WARNING" not in run.output
    # No pid, schedule or socket file beside the data.
    assert {path.name for path in tree.iterdir()} - before <= {".env", "var", "__pycache__"}
    assert {path.name for path in (tree / "var").iterdir()} == {
        "demo.json",
        "encryption_key",
        "secret_key",
        "switera.sqlite3",
    }
    for private in ("demo.json", "encryption_key", "secret_key"):
        assert stat.S_IMODE((tree / "var" / private).stat().st_mode) == 0o600


def test_the_second_run_has_the_same_demo_and_is_as_usable(
    start_run: StartRun, tree: Path, ports: dict[str, str]
) -> None:
    first = start_run()
    shown = credentials(first)
    assert len(shown) == 4
    assert first.ctrl_c() == 0
    second = start_run(RECEIVER_PORT=ports["PORT"], PORT=ports["RECEIVER_PORT"])
    assert credentials(second) == shown
    # Also at a receiver on another port.
    second.wait_for(rf"{emit_by_curl(second)}.* verified ")
    assert second.ctrl_c() == 0
    count = "from webhooks.models import App, Endpoint; print(App.objects.count(), Endpoint.objects.count())"
    shell = ["manage.py", "shell", "--no-imports", "-c", count]
    assert run_program(*shell, cwd=tree, variables={"SWITERA_ENV_FILE": str(tree / ".env")}).stdout == "1 1\n"


def test_the_env_file_holds_defaults_alone_and_an_existing_one_is_kept(start_run: StartRun, tree: Path) -> None:
    secret = "of-the-environment-alone-of-the-environment-alone"
    run = start_run(SECRET_KEY=secret, WEBHOOKS_ALLOWED_PORTS="443,1024")
    wait_until(lambda: (tree / ".env").exists() and "curl" in run.output, "the run began")
    written = (tree / ".env").read_text()
    assert secret not in written
    assert "WEBHOOKS_ALLOWED_PORTS=*\n" in written
    assert run.ctrl_c() == 0
    (tree / ".env").write_text("# mine\nDEBUG=true\nWEBHOOKS_TIMEOUT=soon\n")
    run = start_run()
    assert run.process.wait(60) == 1
    assert run.output == "Settings: WEBHOOKS_TIMEOUT is 'soon', but must be a number from 0.1 to 120.\n"
    assert (tree / ".env").read_text().startswith("# mine\n")


def test_a_variable_set_to_nothing_wins_and_a_refused_receiver_is_one_line(start_run: StartRun) -> None:
    run = start_run(WEBHOOKS_ALLOW_HTTP="")
    run.wait_for(CURL)
    [line] = [line for line in run.output.splitlines() if "refused" in line]
    assert line.startswith("The sample receiver http://127.0.0.1:")
    # The run goes on: an event is still taken.
    assert emit_by_curl(run).startswith("evt_")
    assert run.ctrl_c() == 0


def test_a_taken_port_is_one_sentence(start_run: StartRun, ports: dict[str, str]) -> None:
    first = start_run()
    first.wait_for(CURL)
    second = start_run()
    assert second.process.wait(60) == 1
    assert re.fullmatch(
        rf"Port ({ports['PORT']}|{ports['RECEIVER_PORT']}) is not free \(.*\): "
        r"end what uses it, or run `(RECEIVER_)?PORT=<another port> make run`\.\n",
        second.output,
    )
    third = start_run(PORT=ports["RECEIVER_PORT"])
    assert third.process.wait(60) == 1
    assert third.output.count("\n") == 1


@pytest.mark.parametrize("word", ["gunicorn", "listen"])
def test_a_process_that_dies_ends_the_run_and_is_named(start_run: StartRun, word: str) -> None:
    run = start_run()
    run.wait_for(CURL)
    run.process_with(word).kill()
    assert run.process.wait(60) == 1
    name = {"gunicorn": "web server", "listen": "receiver"}[word]
    assert run.output.splitlines()[-1] == f"The {name} ended by SIGKILL, so the run ends."
    wait_until(lambda: run.processes() == [], "all processes ended")


def test_after_a_kill_nothing_lives_on_and_the_next_run_starts(start_run: StartRun) -> None:
    run = start_run()
    shown = credentials(run)
    run.process.kill()
    run.process.wait()
    wait_until(lambda: run.processes() == [], "what the killed run had started ended")
    run = start_run()
    run.wait_for(CURL)
    run.signal_all(signal.SIGKILL)
    run.process.wait()
    run = start_run()
    assert credentials(run) == shown
    run.wait_for(rf"{emit_by_curl(run)}.* verified ")
    assert run.ctrl_c() == 0


def test_ctrl_c_while_it_starts_is_an_end_too(start_run: StartRun, tree: Path) -> None:
    run = start_run()
    wait_until(lambda: (tree / "var" / "switera.sqlite3").exists(), "the database was made")
    assert run.ctrl_c() == 0
    assert "Traceback" not in run.output


def test_it_ends_with_make_even_if_that_is_killed(start_run: StartRun, tree: Path) -> None:
    run = start_run(under_make=True)
    run.wait_for(CURL)
    run.process.kill()
    run.process.wait()
    wait_until(lambda: run.processes() == [], "the run noticed that make is gone")
    assert "Traceback" not in run.output
