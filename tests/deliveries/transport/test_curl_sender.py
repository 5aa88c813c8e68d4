"""What is libcurl's alone: the guard's last word in its callbacks, one thread, and rest (security.md S12, S16, S17)."""

import threading
import time
from collections.abc import Sequence
from ipaddress import ip_address
from uuid import UUID

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.transport.answers import Answer
from tests.deliveries.transport.senders import KINDS, curl_sender, judge, request, send, send_one
from tests.receivers.behaviours import OK, answers, closes_at_once, never_answers
from tests.receivers.server import Receiver
from webhooks.destinations.address_guard import AddressGuard, IPAddress
from webhooks.destinations.endpoint_url import UrlPolicy
from webhooks.destinations.judge import DestinationJudge, JudgedDestination
from webhooks.destinations.name_lookup import NameLookup

if "curl" not in KINDS:
    pytest.skip("pycurl is not installed here", allow_module_level=True)

from deliveries.transport import curl_sender as module
from deliveries.transport.curl_loop import CurlLoop
from deliveries.transport.curl_routes import Route, direct_route
from deliveries.transport.curl_transfers import Transfer


def test_s12_the_guard_has_the_last_word_when_a_socket_is_opened(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were libcurl to find another address than those that were judged, it would not get a socket."""

    def elsewhere(app_id: UUID, destination: JudgedDestination) -> Route:
        way = direct_route(app_id, destination)
        return way._replace(peers=frozenset({"127.0.0.9"}))

    monkeypatch.setattr(module, "direct_route", elsewhere)
    sender = curl_sender(judge())
    outcome = send_one(sender, request(receiver.url("hooks.example")))
    sender.close()

    assert outcome.error_code == ErrorCode.BLOCKED_ADDRESS
    assert outcome.error == "Nothing was sent: 127.0.0.1 is not an address that was judged."
    assert receiver.connections == 0


def test_s12_the_guard_has_the_last_word_when_a_kept_connection_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = {"127.0.0.1"}
    monkeypatch.setattr(
        module, "direct_route", lambda *arguments: direct_route(*arguments)._replace(peers=frozenset(peers))
    )
    sender = curl_sender(judge())
    first = send_one(sender, request(receiver.url("hooks.example")))
    peers.clear()
    second = send_one(sender, request(receiver.url("hooks.example")))
    sender.close()

    assert (first.error_code, second.error_code) == (None, ErrorCode.BLOCKED_ADDRESS)
    assert len(receiver.requests) == 1


def test_a_socket_callback_that_raises_fails_closed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError

    sender = curl_sender(judge())
    with monkeypatch.context() as patched:
        patched.setattr("deliveries.transport.curl_transfers.socket.socket", broken)
        outcome = send_one(sender, request(receiver.url("hooks.example")))
    assert outcome.error_code == ErrorCode.INTERNAL_ERROR
    assert receiver.connections == 0
    assert "An attempt failed with ZeroDivisionError" in caplog.text
    assert send_one(sender, request(receiver.url("hooks.example"))).error_code is None
    sender.close()


def test_the_tests_network_ends_at_loopback_for_libcurl_too(caplog: pytest.LogCaptureFixture) -> None:
    """It connects without Python's help; the audit hook of tests/network.py hears of it all the same."""

    def public(name: str) -> Sequence[IPAddress]:
        return [ip_address("93.184.215.14")]

    policy = UrlPolicy(AddressGuard((), ()), False, None, (), False)
    sender = curl_sender(DestinationJudge(policy, NameLookup(public)))
    outcome = send_one(sender, request("https://public.example/"))
    sender.close()

    assert outcome.error_code == ErrorCode.INTERNAL_ERROR
    assert "An attempt failed with NetworkBlockedError" in caplog.text


def test_hundreds_of_requests_are_in_flight_in_one_thread() -> None:
    def senders_threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if "receiver" not in thread.name]

    before = senders_threads()
    sender = curl_sender(judge(), slots=module.DEFAULT_SLOTS)
    with Receiver(never_answers) as silent:
        for number in range(module.DEFAULT_SLOTS):
            sender.start(request(silent.url("hooks.example"), token=number, timeout=4))
        assert sender.room() == 0
        deadline = time.monotonic() + 4
        while len(silent.requests) < module.DEFAULT_SLOTS and time.monotonic() < deadline:
            assert sender.finished(wait=0.01) == []
        assert len(silent.requests) == module.DEFAULT_SLOTS
        # The other one is its caretaker, which sleeps while the sender is driven.
        assert set(senders_threads()) - set(before) == {"sender's caretaker"}
        outcomes = sender.finished(wait=10, at_least=module.DEFAULT_SLOTS)
    sender.close()

    assert {outcome.error_code for outcome in outcomes} == {ErrorCode.TIMEOUT}
    assert max(outcome.duration_ms for outcome in outcomes) < 5_000


def test_after_a_rest_requests_are_sent_as_before(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_AFTER_SECONDS", 0.15)
    sender = curl_sender(judge())
    for _ in range(3):
        outcomes = send(sender, *(request(receiver.url("hooks.example"), token=number) for number in range(4)))
        assert [outcome.error_code for outcome in outcomes] == [None] * 4
        time.sleep(0.5)
    sender.close()

    assert len(receiver.requests) == 12
    # None of them is used after a rest, which closes them.
    connections = [{received.connection for received in receiver.requests[n : n + 4]} for n in (0, 4, 8)]
    assert connections[0].isdisjoint(connections[1])
    assert connections[1].isdisjoint(connections[2])


def test_a_caretaker_that_drives_lets_go_when_its_owner_is_back(receiver: Receiver) -> None:
    with Receiver(never_answers) as silent:
        sender = curl_sender(judge())
        sender.start(request(silent.url("hooks.example"), token="silent", timeout=30))
        time.sleep(0.3)  # by now the caretaker waits for the silent one
        for number in range(20):
            started = time.monotonic()
            sender.start(request(receiver.url("hooks.example"), token=number))
            assert time.monotonic() - started < 1
            (outcome,) = sender.finished(wait=10)
            assert (outcome.token, outcome.error_code) == (number, None)
        sender.close()


def test_the_head_of_an_answer_that_is_known_is_found_again_and_no_other() -> None:
    def headed(value: str) -> bytes:
        return f"HTTP/1.1 200 OK\r\nX-Number: {value}\r\nContent-Length: 2\r\n\r\nok".encode()

    sender = curl_sender(judge())
    with Receiver(answers(headed("1"), headed("1"), headed("2"), OK)) as varied:
        outcomes = [send_one(sender, request(varied.url("hooks.example"))) for _ in range(4)]
    sender.close()

    assert [outcome.headers for outcome in outcomes] == [
        *[(("X-Number", number), ("Content-Length", "2")) for number in ("1", "1", "2")],
        (("Content-Length", "2"),),
    ]


@pytest.mark.parametrize(
    ("owner", "name"),
    [(CurlLoop, "remove"), (Transfer, "try_again"), (Transfer, "failed"), (Answer, "text")],
)
def test_s20_a_transfer_whose_end_raises_is_an_outcome_and_costs_no_other_one(
    owner: type, name: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One of five ends with an error of our own, wherever that is."""
    original = getattr(owner, name)
    raised: list[object] = []

    def raises_once(self: object, *arguments: object) -> object:
        if not raised:
            raised.append(self)
            raise ZeroDivisionError
        return original(self, *arguments)

    sender = curl_sender(judge())
    with Receiver(closes_at_once) as closing, monkeypatch.context() as patched:
        patched.setattr(owner, name, raises_once)
        # Only after an error of libcurl's a transfer may be tried again.
        first = closing if name == "try_again" else receiver
        urls = [first.url("hooks.example"), *[receiver.url("hooks.example")] * 4]
        outcomes = send(sender, *(request(url, token=number) for number, url in enumerate(urls)))

    assert len(raised) == 1
    assert [outcome.token for outcome in outcomes] == [0, 1, 2, 3, 4]
    codes = sorted(str(outcome.error_code) for outcome in outcomes)
    assert codes == ["None", "None", "None", "None", "internal_error"]
    assert [(one.status, one.body) for one in outcomes if one.error_code is None] == [(200, "ok")] * 4
    assert caplog.text.count("An attempt failed with ZeroDivisionError") == 1
    # Its slot is free again, and no other request meets what is left of it.
    assert (sender.in_flight(), sender.room()) == (0, 16)
    after = send(sender, *(request(receiver.url("hooks.example"), token=number) for number in range(16)))
    sender.close()
    assert [outcome.error_code for outcome in after] == [None] * 16


def test_close_ends_a_caretaker_that_drives() -> None:
    with Receiver(never_answers) as silent:
        sender = curl_sender(judge())
        sender.start(request(silent.url("hooks.example"), timeout=60))
        time.sleep(0.3)  # by now the caretaker waits for the silent one
        started = time.monotonic()
        sender.close()
        assert time.monotonic() - started < 1
    assert "sender's caretaker" not in {thread.name for thread in threading.enumerate()}
