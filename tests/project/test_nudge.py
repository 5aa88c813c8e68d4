"""A nudge says that there is work: after commit, seldom enough, and without getting in anybody's way."""

import subprocess
import time
from contextlib import suppress
from typing import Any

import pytest
import redis
from django.db import transaction

from switera_webhooks import nudge as nudge_module
from switera_webhooks.celery import DRAIN_TASK, app
from switera_webhooks.nudge import nudge
from tests.programs import run_program
from tests.servers.processes import free_port

BURST = 150


@pytest.fixture(autouse=True)
def _no_messages_before(monkeypatch: pytest.MonkeyPatch) -> None:
    nudge_module._publisher.wait_until_idle(5)
    _take_messages()
    # The process' own remembers for a second how long the queue was that other tests filled.
    monkeypatch.setattr(nudge_module, "_publisher", nudge_module._Publisher())


def _run(script: str, broker_url: str) -> subprocess.CompletedProcess[str]:
    variables = {"DJANGO_SETTINGS_MODULE": "switera_webhooks.settings", "DEBUG": "true"}
    return run_program("-c", script, variables={**variables, "CELERY_BROKER_URL": broker_url})


def _take_messages() -> list[dict[str, Any]]:
    """The headers of the messages that wait in the broker, which are taken out of it."""
    taken: list[dict[str, Any]] = []
    with (
        app.connection_for_read() as connection,
        connection.SimpleQueue(app.conf.task_default_queue) as queue,
        suppress(queue.Empty),
    ):
        while True:
            message = queue.get(block=False)
            message.ack()
            taken.append(message.headers)
    return taken


def test_outside_of_a_transaction_it_goes_out_at_once(transactional_db: None) -> None:
    nudge()
    nudge_module._publisher.wait_until_idle(5)
    [headers] = _take_messages()
    assert headers["task"] == DRAIN_TASK


def test_a_message_carries_no_payload_and_expires(transactional_db: None) -> None:
    """S31: the broker holds nothing but that there is work."""
    nudge()
    nudge_module._publisher.wait_until_idle(5)
    [headers] = _take_messages()
    assert (headers["argsrepr"], headers["kwargsrepr"]) == ("()", "{}")
    assert headers["expires"] is not None


def test_inside_a_transaction_it_waits_for_the_commit(transactional_db: None) -> None:
    with transaction.atomic():
        nudge()
        nudge_module._publisher.wait_until_idle(5)
        assert _take_messages() == []
    nudge_module._publisher.wait_until_idle(5)
    assert len(_take_messages()) == 1


def test_a_transaction_that_is_rolled_back_nudges_nobody(transactional_db: None) -> None:
    def order_that_fails() -> None:
        with transaction.atomic():
            nudge()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        order_that_fails()
    nudge_module._publisher.wait_until_idle(5)
    assert _take_messages() == []


def test_a_burst_of_commits_becomes_a_message_every_25_ms_at_the_most(transactional_db: None) -> None:
    began = time.monotonic()
    for _ in range(BURST):
        with transaction.atomic():
            nudge()
    lasted = time.monotonic() - began
    nudge_module._publisher.wait_until_idle(5)
    assert 1 <= len(_take_messages()) <= min(lasted / nudge_module.INTERVAL_SECONDS + 2, BURST / 2)


def test_what_is_committed_right_after_a_message_gets_another_one(transactional_db: None) -> None:
    for _ in range(2):
        nudge()
        nudge_module._publisher.wait_until_idle(5)
    assert len(_take_messages()) == 2


def test_a_forked_process_nudges_by_a_thread_of_its_own(transactional_db: None, redis_url: str) -> None:
    """The parent's thread does not exist in the child, and its connection is not the child's to use."""
    script = """
import os, django
django.setup()
from switera_webhooks import nudge
nudge._request(); nudge._publisher.wait_until_idle(5)
child = os.fork()
nudge._request(); nudge._publisher.wait_until_idle(5)
if child:
    assert os.waitpid(child, 0)[1] == 0
    nudge._request(); nudge._publisher.wait_until_idle(5)
else:
    os._exit(0)
from switera_webhooks.celery import app
with app.connection_for_read() as connection:
    print(connection.default_channel.client.llen("celery"))
"""
    result = _run(script, redis_url)
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("4", "", 0)


def test_a_process_that_ends_at_once_gets_its_message_out(redis_url: str) -> None:
    script = """
import django
django.setup()
from switera_webhooks import nudge
nudge._request()
"""
    _run(script, redis_url)
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("celery") == 1


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_down_delays_nobody_and_is_logged_once(scheme: str) -> None:
    """S44. Thirty requests in three seconds: none waits, none fails, one line in the log."""
    script = """
import time, django
django.setup()
from switera_webhooks import nudge
slowest = 0.0
for _ in range(30):
    began = time.monotonic()
    nudge._request()
    slowest = max(slowest, time.monotonic() - began)
    time.sleep(0.1)
print(slowest)
"""
    result = _run(script, f"{scheme}://127.0.0.1:{free_port()}")
    assert result.returncode == 0
    assert float(result.stdout) < 0.5
    [line] = result.stderr.splitlines()
    assert "The broker does not take messages" in line


def test_messages_do_not_pile_up_while_no_worker_takes_them(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nudge_module, "ENOUGH_WAITING", 3)
    monkeypatch.setattr(nudge_module, "COUNT_EVERY_SECONDS", 0.0)
    for _ in range(6):
        nudge()
        nudge_module._publisher.wait_until_idle(5)
    assert len(_take_messages()) == 3
    monkeypatch.setattr(nudge_module, "ENOUGH_WAITING", 200)
