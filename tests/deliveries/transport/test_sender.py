"""Many requests at once: the interface that every sender keeps, and connections (security.md S12, S15, S16, S26)."""

import errno
import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.transport import kept_connections
from deliveries.transport.sender import OutboundRequest, Outcome, Sender
from deliveries.transport.sender_factory import make_sender
from tests.deliveries.transport.senders import (
    APP,
    BODY,
    HEADERS,
    OTHER_APP,
    Resolve,
    judge,
    request,
    requests_sender,
    send,
    send_one,
    to_loopback,
)
from tests.receivers.behaviours import OK, answer, answers, drips, never_answers
from tests.receivers.server import Peer, Receiver
from webhooks.destinations import name_lookup
from webhooks.destinations.address_guard import IPAddress
from webhooks.destinations.judge import DestinationJudge


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answers(OK)) as running:
        yield running


def test_s26_the_receiver_gets_exactly_the_bytes_and_headers_given(sender: Sender, receiver: Receiver) -> None:
    headers = (*HEADERS, ("x-token", "caf\u00e9 \u2603"), ("x-empty", ""))

    send_one(sender, request(receiver.url("Hooks.example", "/a%2Fb?c=d"), headers=headers))

    assert [received.raw for received in receiver.requests] == [
        (
            "POST /a%2Fb?c=d HTTP/1.1\r\n"
            f"Host: hooks.example:{receiver.port}\r\n"
            "Accept-Encoding: identity\r\n"
            "content-type: application/json\r\n"
            "user-agent: Switera-Webhooks/0\r\n"
            "webhook-id: evt_1\r\n"
            "x-token: caf\u00e9 \u2603\r\n"
            "x-empty: \r\n"
            f"Content-Length: {len(BODY)}\r\n"
            "\r\n"
        ).encode()
        + BODY
    ]


def test_a_request_without_body_is_sent_all_the_same(sender: Sender, receiver: Receiver) -> None:
    for _ in range(2):
        assert send_one(sender, request(receiver.url("hooks.example"), body=b"")).error_code is None

    assert [(received.connection, received.body) for received in receiver.requests] == [(1, b""), (1, b"")]


def test_s15_proxies_netrc_and_cookies_are_ignored(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine hooks.example login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Receiver(answers(OK)) as proxy, Receiver(answers(answer("200 OK", b"", "Set-Cookie: a=b"))) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        for _ in range(2):
            assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None

    assert proxy.connections == 0
    assert len(receiver.requests) == 2
    for received in receiver.requests:
        assert received.header("authorization") is None
        assert received.header("cookie") is None


def test_s16_connections_are_kept_within_an_app_and_never_shared_with_another(
    sender: Sender, receiver: Receiver
) -> None:
    url = receiver.url("hooks.example")
    for app_id in (APP, OTHER_APP, APP, OTHER_APP, APP):
        assert send_one(sender, request(url, app_id=app_id)).error_code is None

    assert [received.connection for received in receiver.requests] == [1, 2, 1, 2, 1]


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


def test_an_idle_connection_is_closed_before_receivers_do(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_connections, "IDLE_SECONDS", 0.2)
    closed = threading.Event()

    def behave(peer: Peer) -> None:
        while peer.read_request():
            peer.send(OK)
        closed.set()

    with Receiver(behave) as watched:
        send_one(sender, request(watched.url("hooks.example")))
        assert closed.wait(2)
        assert send_one(sender, request(watched.url("hooks.example"))).error_code is None


def test_a_connection_that_the_receiver_closed_meanwhile_is_replaced_and_nothing_is_sent_twice(
    sender: Sender,
) -> None:
    gone = threading.Event()

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.reset()
        gone.set()

    with Receiver(behave) as receiver:
        for _ in range(3):
            gone.clear()
            assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None
            assert gone.wait(5)
            time.sleep(0.02)  # the reset travels

    assert [received.connection for received in receiver.requests] == [1, 2, 3]


def test_no_request_is_repeated_when_a_kept_connection_breaks_under_it(sender: Sender) -> None:
    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        if peer.read_request():
            peer.reset()

    with Receiver(behave) as receiver:
        url = receiver.url("hooks.example")
        assert send_one(sender, request(url)).error_code is None
        assert send_one(sender, request(url)).error_code == ErrorCode.CONNECTION_RESET

    assert [received.connection for received in receiver.requests] == [1, 1]


def test_s9_a_denied_address_is_recorded_and_nothing_is_sent(receiver: Receiver) -> None:
    sender = requests_sender(judge(denied="127.0.0.1/32"))
    try:
        outcome = send_one(sender, request(receiver.url()))
        named = send_one(sender, request(receiver.url("hooks.example")))
    finally:
        sender.close()

    assert (outcome.error_code, named.error_code) == (ErrorCode.BLOCKED_ADDRESS, ErrorCode.BLOCKED_ADDRESS)
    assert outcome.error == (
        "Nothing was sent: 127.0.0.1 is in 127.0.0.1/32, which this service's operator denies: use a public address."
    )
    assert (outcome.status, outcome.headers, outcome.body) == (None, (), "")
    assert receiver.connections == 0


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt looks its name up."""
    monkeypatch.setattr(name_lookup, "REMEMBER_SECONDS", 0.0)


def judge_denying_127_0_0_2(resolve: Resolve) -> DestinationJudge:
    return judge(resolve, denied="127.0.0.2/32")


@pytest.mark.usefixtures("no_memory")
def test_s12_a_resolver_that_alternates_never_gets_a_connection_to_the_bad_address() -> None:
    """S12: looked up once an attempt. The good address is 127.0.0.1, the bad one 127.0.0.2; both listen."""
    asked: list[str] = []

    def alternate(name: str) -> Sequence[IPAddress]:
        asked.append(name)
        return [ip_address("127.0.0.1" if len(asked) % 2 else "127.0.0.2")]

    sender = requests_sender(judge_denying_127_0_0_2(alternate))
    with Receiver(answers(OK)) as good, socket.create_server(("127.0.0.2", good.port)) as bad:
        bad.setblocking(False)
        codes = [send_one(sender, request(good.url("rebind.example"))).error_code for _ in range(20)]
        with pytest.raises(BlockingIOError):
            bad.accept()
    sender.close()

    assert codes == [None, ErrorCode.BLOCKED_ADDRESS] * 10
    assert asked == ["rebind.example"] * 20
    assert [received.header("host") for received in good.requests] == [f"rebind.example:{good.port}"] * 10


@pytest.mark.usefixtures("no_memory")
def test_s12_a_kept_connection_is_not_used_once_its_name_has_moved() -> None:
    answer_now = [ip_address("127.0.0.1")]
    sender = requests_sender(judge_denying_127_0_0_2(lambda name: list(answer_now)))
    with Receiver(answers(OK)) as receiver:
        url = receiver.url("moving.example")
        assert send_one(sender, request(url)).error_code is None
        answer_now[:] = [ip_address("127.0.0.2")]
        assert send_one(sender, request(url)).error_code == ErrorCode.BLOCKED_ADDRESS
        answer_now[:] = [ip_address("127.0.0.3")]
        assert send_one(sender, request(url)).error_code == ErrorCode.CONNECTION_REFUSED
        answer_now[:] = [ip_address("127.0.0.1")]
        assert send_one(sender, request(url)).error_code is None
        sender.close()

    assert [received.connection for received in receiver.requests] == [1, 2]


def test_s11_one_denied_answer_refuses_the_attempt(receiver: Receiver) -> None:
    sender = requests_sender(judge_denying_127_0_0_2(lambda name: [ip_address("127.0.0.1"), ip_address("127.0.0.2")]))
    outcome = send_one(sender, request(receiver.url("mixed.example")))
    sender.close()

    assert outcome.error_code == ErrorCode.BLOCKED_ADDRESS
    assert receiver.connections == 0


def test_the_next_address_is_tried_when_one_refuses(receiver: Receiver) -> None:
    sender = requests_sender(judge(lambda name: [ip_address("127.0.0.9"), ip_address("127.0.0.1")]))
    outcome = send_one(sender, request(receiver.url("two.example")))
    sender.close()

    assert outcome.error_code is None
    assert len(receiver.requests) == 1


def test_ipv6_receivers_are_reached(sender: Sender) -> None:
    with Receiver(answers(OK), host="::1") as receiver:
        outcome = send_one(sender, request(receiver.url("[::1]")))

    assert outcome.error_code is None
    assert receiver.requests[0].header("host") == f"[::1]:{receiver.port}"


def test_a_port_that_nobody_listens_on(sender: Sender) -> None:
    with Receiver(answers(OK)) as receiver:
        url = receiver.url("hooks.example")
    outcome = send_one(sender, request(url))

    assert outcome.error_code == ErrorCode.CONNECTION_REFUSED
    assert outcome.error == "No connection to the receiver could be made (connection refused)."


def test_names_that_do_not_resolve(sender: Sender) -> None:
    outcome = send_one(sender, request("https://hooks.missing.test/"))

    assert outcome.error_code == ErrorCode.DNS_FAILURE
    assert outcome.error == "hooks.missing.test does not resolve (No such name)."


def test_s15_a_look_up_that_hangs_ends_within_the_wall_clock() -> None:
    released = threading.Event()

    def hang(name: str) -> Sequence[IPAddress]:
        released.wait()
        return to_loopback(name)

    sender = requests_sender(judge(hang))
    try:
        outcome = send_one(sender, request("https://hooks.example/", timeout=1))
    finally:
        released.set()
        sender.close()

    assert outcome.error_code == ErrorCode.DNS_FAILURE
    assert outcome.error == "Looking up hooks.example took longer than 0.5 s."
    assert 500 <= outcome.duration_ms < 1_500


@pytest.mark.parametrize("url", ["http://hooks.example:0/", "ftp://hooks.example/", "", "http://localhost/"])
def test_a_url_that_is_not_acceptable_any_more_is_not_sent_to(sender: Sender, url: str) -> None:
    assert send_one(sender, request(url)).error_code == ErrorCode.BLOCKED_ADDRESS


def test_s20_what_breaks_inside_is_an_outcome_and_the_log_says_where_but_not_what(
    sender: Sender, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        outcome = send_one(sender, request(receiver.url("hooks.example"), headers=(("x-a", "secret\r\nb: c"),)))

    assert outcome.error_code == ErrorCode.INTERNAL_ERROR
    assert outcome.error == "The attempt failed inside this service."
    assert "An attempt failed with ValueError" in caplog.text
    assert "secret" not in caplog.text
    assert receiver.requests == []
    assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None


def test_a_shortage_of_our_own_is_not_blamed_on_the_receiver(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptors(descriptor: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("os.dup", no_descriptors)
    assert send_one(sender, request(receiver.url("hooks.example"))).error_code == ErrorCode.INTERNAL_ERROR


def test_s31_the_log_holds_no_url_of_a_receiver_that_misbehaves(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    bad = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nno colon\r\n\r\n0\r\n\r\n"
    with caplog.at_level(logging.INFO), Receiver(answers(bad)) as receiver:
        send_one(sender, request(receiver.url("hooks.example", "/token-in-path")))

    assert "token-in-path" not in caplog.text


def test_requests_run_at_once_and_outcomes_come_as_they_finish(sender: Sender) -> None:
    with Receiver(never_answers) as silent, Receiver(answers(OK)) as prompt:
        started = time.monotonic()
        sender.start(request(silent.url("hooks.example"), token="silent", timeout=1))
        for number in range(5):
            sender.start(request(prompt.url("hooks.example"), token=number))
        assert (sender.room(), sender.in_flight()) == (10, 6)

        first = collect(sender, 5)
        assert time.monotonic() - started < 1
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
        sender.start(request(silent.url("hooks.example"), timeout=1))
        started = time.monotonic()
        assert sender.finished(wait=0.1) == []
        assert 0.1 <= time.monotonic() - started < 1
        sender.start(request(receiver.url("hooks.example"), token="prompt"))
        started = time.monotonic()
        outcomes = sender.finished(wait=0.3, at_least=2)
        assert 0.3 <= time.monotonic() - started < 1
        assert [outcome.token for outcome in outcomes] == ["prompt"]
        started = time.monotonic()
        assert len(sender.finished(wait=10, at_least=50)) == 1  # no more than what is in flight
        assert time.monotonic() - started < 3


def test_a_full_sender_and_a_closed_one_take_nothing(receiver: Receiver) -> None:
    sender = requests_sender(judge(), slots=2)
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


def test_close_cuts_what_is_in_flight_and_ends_the_threads() -> None:
    before = threading.active_count()
    sender = requests_sender(judge(), slots=4)
    with Receiver(never_answers) as silent, Receiver(drips(b"HTTP/1.1 200 OK\r\n", b"x" * 500)) as slow:
        sender.start(request(silent.url("hooks.example"), timeout=60))
        sender.start(request(slow.url("hooks.example"), timeout=60))
        while not (silent.requests and slow.requests):
            time.sleep(0.01)
        started = time.monotonic()
        sender.close()
        assert time.monotonic() - started < 1
    assert threading.active_count() == before


def test_hundreds_of_requests_are_each_answered_once(receiver: Receiver) -> None:
    sender = requests_sender(judge(), slots=32)
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


def test_the_settings_make_a_sender_that_denies_loopback_by_default(receiver: Receiver) -> None:
    sender = make_sender()
    try:
        (outcome,) = send(sender, request(f"https://127.0.0.1:{receiver.port}/"))
    finally:
        sender.close()

    assert outcome.error_code == ErrorCode.BLOCKED_ADDRESS
    assert receiver.connections == 0
