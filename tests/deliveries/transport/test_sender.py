"""Many requests at once: the interface that every sender keeps."""

import os
import resource
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import OutboundRequest, Outcome, Sender
from tests.deliveries.transport.senders import OTHER_APP, MakeSender, judge, request, send_one
from tests.receivers.behaviours import OK, answers, drips, never_answers
from tests.receivers.server import Receiver


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """The system gives this process no further file, socket or pipe."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers = [os.open(os.devnull, os.O_RDONLY)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, hard))
        with suppress(OSError):
            while True:
                fillers.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)


@pytest.mark.parametrize("used_before", [False, True])
def test_a_shortage_of_our_own_is_not_blamed_on_the_receiver(
    sender: Sender, receiver: Receiver, used_before: bool
) -> None:
    if used_before:
        send_one(sender, request(receiver.url("hooks.example")))
    with no_more_descriptors():
        outcome = send_one(sender, request(receiver.url("hooks.example"), app_id=OTHER_APP))

    assert outcome.error_code == ErrorCode.INTERNAL_ERROR
    assert len(receiver.requests) == used_before
    assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None


def test_requests_run_at_once_and_outcomes_come_as_they_finish(sender: Sender) -> None:
    with Receiver(never_answers) as silent, Receiver(answers(OK)) as prompt:
        started = time.monotonic()
        sender.start(request(silent.url("hooks.example"), token="silent", timeout=2))
        for number in range(5):
            sender.start(request(prompt.url("hooks.example"), token=number))
        assert (sender.room(), sender.in_flight()) == (10, 6)

        first = collect(sender, 5)
        assert time.monotonic() - started < 2
        assert {outcome.token for outcome in first} == {0, 1, 2, 3, 4}
        assert (sender.room(), sender.in_flight()) == (15, 1)
        assert [outcome.token for outcome in sender.finished(wait=5)] == ["silent"]
    assert (sender.room(), sender.in_flight()) == (16, 0)


def collect(sender: Sender, count: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while len(outcomes) < count:
        outcomes += sender.finished(wait=5, at_least=count - len(outcomes))
    return outcomes


def test_finished_waits_for_as_many_as_it_is_asked_and_no_longer_than_it_is_told(
    sender: Sender, receiver: Receiver
) -> None:
    started = time.monotonic()
    assert sender.finished(wait=5) == []  # nothing is in flight
    assert time.monotonic() - started < 1

    with Receiver(never_answers) as silent:
        sender.start(request(silent.url("hooks.example"), timeout=4))
        started = time.monotonic()
        assert sender.finished(wait=0.1) == []
        assert 0.1 <= time.monotonic() - started < 1
        sender.start(request(receiver.url("hooks.example"), token="prompt"))
        started = time.monotonic()
        outcomes = sender.finished(wait=1, at_least=2)
        assert 1 <= time.monotonic() - started < 2
        assert [outcome.token for outcome in outcomes] == ["prompt"]
        started = time.monotonic()
        assert len(sender.finished(wait=10, at_least=50)) == 1  # no more than what is in flight
        assert time.monotonic() - started < 6


def test_a_full_sender_and_a_closed_one_take_nothing(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge(), slots=2)
    for _ in range(2):
        sender.start(request(receiver.url("hooks.example")))
    with pytest.raises(RuntimeError, match=r"Ask room\(\) before start\(\)"):
        sender.start(request(receiver.url("hooks.example")))
    assert len(collect(sender, 2)) == 2
    sender.close()
    sender.close()
    with pytest.raises(RuntimeError):
        sender.start(request(receiver.url("hooks.example")))
    assert len(receiver.requests) == 2


def test_close_cuts_what_is_in_flight_and_ends_the_threads(new_sender: MakeSender) -> None:
    before = threading.active_count()
    sender = new_sender(judge(), slots=4)
    with Receiver(never_answers) as silent, Receiver(drips(b"HTTP/1.1 200 OK\r\n", b"x" * 500)) as slow:
        sender.start(request(silent.url("hooks.example"), timeout=60))
        sender.start(request(slow.url("hooks.example"), timeout=60))
        while not (silent.requests and slow.requests):
            time.sleep(0.01)
        started = time.monotonic()
        sender.close()
        assert time.monotonic() - started < 1
    assert threading.active_count() == before


def test_hundreds_of_requests_are_each_answered_once(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge(), slots=32)
    requests: list[OutboundRequest] = []
    outcomes: list[Outcome] = []
    while len(outcomes) < 600:
        for _ in range(min(sender.room(), 600 - len(requests))):
            body = b'{"number":%d}' % len(requests)
            requests.append(request(receiver.url("hooks.example"), token=len(requests), body=body))
            sender.start(requests[-1])
        outcomes += sender.finished(wait=5, at_least=8)
    sender.close()

    assert sorted(int(str(outcome.token)) for outcome in outcomes) == list(range(600))
    assert all(outcome.error_code is None for outcome in outcomes)
    assert sorted(received.body for received in receiver.requests) == sorted(each.body for each in requests)
    assert receiver.connections <= 32


def test_a_sender_made_before_a_fork_sends_after_it(sender: Sender, receiver: Receiver) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the receiver's threads stay behind
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if send_one(sender, request(receiver.url("hooks.example"))).error_code is None else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None
    assert [received.connection for received in receiver.requests] == [1, 2]
