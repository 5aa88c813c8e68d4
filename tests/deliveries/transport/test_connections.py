"""Which connections are kept, for whom, and what happens when one breaks: security.md S12, S16, S20."""

import threading
import time

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.transport import curl_sender, curl_transfers, kept_connections
from deliveries.transport.sender import Sender
from tests.deliveries.transport.senders import APP, OTHER_APP, MakeSender, judge, request, send_one
from tests.receivers.behaviours import OK, answer, answers
from tests.receivers.server import Behaviour, Peer, Receiver


def test_s16_connections_are_kept_within_an_app_and_never_shared_with_another(
    sender: Sender, receiver: Receiver
) -> None:
    url = receiver.url("hooks.example")
    for app_id in (APP, OTHER_APP, APP, OTHER_APP, APP):
        assert send_one(sender, request(url, app_id=app_id)).error_code is None

    assert [received.connection for received in receiver.requests] == [1, 2, 1, 2, 1]


def test_s16_an_address_in_the_url_is_shared_no_more_than_a_name(sender: Sender, receiver: Receiver) -> None:
    for app_id in (APP, OTHER_APP, APP):
        assert send_one(sender, request(receiver.url(), app_id=app_id)).error_code is None

    assert [received.connection for received in receiver.requests] == [1, 2, 1]


def test_a_connection_of_another_name_or_port_is_not_reused(sender: Sender, receiver: Receiver) -> None:
    with Receiver(answers(OK)) as other:
        urls = [receiver.url("a.example"), receiver.url("b.example"), other.url("a.example"), receiver.url("a.example")]
        for url in urls:
            send_one(sender, request(url))

    assert [received.connection for received in receiver.requests] == [1, 2, 1]
    assert other.connections == 1


@pytest.mark.parametrize(
    "response",
    [
        answer("200 OK", b"ok", "Connection: close"),
        answer("200 OK", b"x" * 20_000),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["close", "truncated", "more than announced", "two lengths", "1.0"],
)
def test_connections_that_are_not_clean_are_not_kept(sender: Sender, response: bytes) -> None:
    with Receiver(answers(response)) as receiver:
        outcomes = [send_one(sender, request(receiver.url("hooks.example"))) for _ in range(2)]

    assert [outcome.error_code for outcome in outcomes] == [None, None]
    if b"and more" not in response:  # the surplus may be thrown away with the answer
        assert [received.connection for received in receiver.requests] == [1, 2]


def test_idle_connections_are_closed(new_sender: MakeSender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(curl_sender, "REST_AFTER_SECONDS", 0.2)
    sender = new_sender(judge())
    closed = threading.Event()

    def behave(peer: Peer) -> None:
        while peer.read_request():
            peer.send(OK)
        closed.set()

    with Receiver(behave) as watched:
        send_one(sender, request(watched.url("hooks.example")))
        assert closed.wait(10)
        assert send_one(sender, request(watched.url("hooks.example"))).error_code is None


def test_a_connection_that_was_idle_for_some_seconds_is_not_used_again(
    new_sender: MakeSender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_connections, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(curl_transfers, "IDLE_SECONDS", 1.0)
    sender = new_sender(judge())

    send_one(sender, request(receiver.url("hooks.example")))
    send_one(sender, request(receiver.url("hooks.example")))
    time.sleep(1.2)
    send_one(sender, request(receiver.url("hooks.example")))

    assert [received.connection for received in receiver.requests] == [1, 1, 2]


def ends_after_the_answer(gone: threading.Event, *, reset: bool) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        if reset:
            peer.reset()
        else:
            peer.close()
        gone.set()

    return behave


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_a_connection_that_the_receiver_ended_meanwhile_is_replaced_and_nothing_is_sent_twice(
    sender: Sender, reset: bool
) -> None:
    gone = threading.Event()
    with Receiver(ends_after_the_answer(gone, reset=reset)) as receiver:
        for _ in range(4):
            gone.clear()
            outcome = send_one(sender, request(receiver.url("hooks.example")))
            assert (outcome.error_code, outcome.body) == (None, "ok")
            assert gone.wait(5)
            time.sleep(0.02)  # the end travels

    assert [received.connection for received in receiver.requests] == [1, 2, 3, 4]


def breaks_under_the_second_request(*, reset: bool, read: bool) -> Behaviour:
    """Answers a request, then takes one on the same connection without a word."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        if (peer.read_request() if read else peer.read_some()) and reset:
            peer.reset()

    return behave


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("body", [b"", b"x", b"x" * 1_000_000], ids=["no body", "small", "large"])
def test_s20_no_request_is_repeated_when_a_kept_connection_breaks_under_it(
    sender: Sender, body: bytes, reset: bool
) -> None:
    """The receiver has read it, and ends the connection instead of answering."""
    with Receiver(breaks_under_the_second_request(reset=reset, read=True)) as receiver:
        url = receiver.url("hooks.example")
        assert send_one(sender, request(url, body=body)).error_code is None
        assert send_one(sender, request(url, body=body)).error_code == ErrorCode.CONNECTION_RESET
        # The sender is none the worse for it.
        assert send_one(sender, request(url, body=body)).error_code is None

    assert [received.connection for received in receiver.requests] == [1, 1, 2]


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_s20_not_even_a_request_that_was_read_in_part_is_repeated(sender: Sender, reset: bool) -> None:
    with Receiver(breaks_under_the_second_request(reset=reset, read=False)) as receiver:
        url = receiver.url("hooks.example")
        assert send_one(sender, request(url)).error_code is None
        assert send_one(sender, request(url, body=b"x" * 4_000_000)).error_code == ErrorCode.CONNECTION_RESET

    assert receiver.connections == 1


def test_s20_a_broken_answer_ends_its_connection(sender: Sender) -> None:
    """What would come next on it might pass for the answer to the next request."""
    surplus = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length : 5\r\n\r\n"
    with Receiver(answers(surplus)) as receiver:
        codes = [send_one(sender, request(receiver.url("hooks.example"))).error_code for _ in range(2)]

    assert codes == [ErrorCode.INVALID_RESPONSE] * 2
    assert [received.connection for received in receiver.requests] == [1, 2]
