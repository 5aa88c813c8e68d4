"""`make run` on PostgreSQL and Redis: web, worker and scheduler are processes of their own."""

import pytest

from tests.system.conftest import StartRun
from tests.system.test_make_run import CURL, emit_by_curl

pytestmark = [pytest.mark.system, pytest.mark.postgresql, pytest.mark.timeout(300)]


@pytest.fixture
def servers(empty_database_url: str, redis_url: str) -> dict[str, str]:
    return {"DATABASE_URL": empty_database_url, "CELERY_BROKER_URL": redis_url}


def test_it_delivers_and_ends_without_leftovers(start_run: StartRun, servers: dict[str, str]) -> None:
    run = start_run(**servers)
    run.wait_for(r"database: postgresql, broker: redis")
    line = run.wait_for(rf".*{emit_by_curl(run)}.*")[0]
    assert "  attempt 1  verified  " in line
    assert {name for word in ("worker", "beat", "gunicorn", "listen") for name in run.process_with(word).cmdline()} >= {
        "worker",
        "beat",
        "gunicorn",
        "listen",
    }
    assert run.ctrl_c() == 0
    assert run.output.count(" verified ") == 1
    assert "Traceback" not in run.output


def test_rabbitmq_serves_as_well_as_redis(start_run: StartRun, empty_database_url: str, rabbitmq_url: str) -> None:
    run = start_run(DATABASE_URL=empty_database_url, CELERY_BROKER_URL=rabbitmq_url)
    run.wait_for("broker: amqp")
    run.wait_for(rf"{emit_by_curl(run)}.* verified ")
    assert run.ctrl_c() == 0
    assert "Traceback" not in run.output


@pytest.mark.parametrize(("word", "name"), [("worker", "worker"), ("beat", "scheduler")])
def test_a_process_that_dies_ends_the_run_and_is_named(
    start_run: StartRun, servers: dict[str, str], word: str, name: str
) -> None:
    run = start_run(**servers)
    run.wait_for(CURL)
    run.process_with(word).kill()
    assert run.process.wait(60) == 1
    assert run.output.splitlines()[-1] == f"The {name} ended by SIGKILL, so the run ends."
    assert run.processes() == []


def test_after_a_kill_of_everything_the_next_run_delivers(start_run: StartRun, servers: dict[str, str]) -> None:
    run = start_run(**servers)
    run.wait_for(CURL)
    run.kill()
    run = start_run(**servers)
    run.wait_for(rf"{emit_by_curl(run)}.* verified ")
    assert run.ctrl_c() == 0


def test_a_database_that_is_down_is_one_sentence(start_run: StartRun) -> None:
    run = start_run(DATABASE_URL="postgres://switera:hush@127.0.0.1:1/switera")
    assert run.process.wait(60) == 1
    [line] = run.output.splitlines()
    assert line.startswith("The database did not answer as it should (")
    assert "hush" not in line
