"""Names that do not lead where they led, or nowhere at all: security.md S1 to S9, S11, S12, S15."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import Outcome, Sender
from tests.deliveries.transport.senders import (
    BODY,
    MakeSender,
    Resolve,
    judge,
    request,
    send,
    send_one,
    to_loopback,
)
from tests.receivers.behaviours import OK, answers
from tests.receivers.server import Receiver
from webhooks.destinations.address_guard import IPAddress
from webhooks.destinations.judge import DestinationJudge

GOOD, OTHER, BAD = ip_address("127.0.0.1"), ip_address("127.0.0.3"), ip_address("127.0.0.2")


def judge_denying_bad(resolve: Resolve) -> DestinationJudge:
    return judge(resolve, denied="127.0.0.2/32")


@contextmanager
def never_connected(port: int, host: str = "127.0.0.2") -> Iterator[None]:
    """A listener on another address and the same port, that must see no connection."""
    with socket.create_server((host, port)) as listener:
        listener.setblocking(False)
        yield
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("ftp://hooks.example/", id="S1 scheme"),
        pytest.param("http://public.example/", id="S1 http to a public address"),
        pytest.param("https://u:p@hooks.example/", id="S2 userinfo"),
        pytest.param("https://hooks.example\\@127.0.0.2/", id="S2 backslash"),
        pytest.param("https://hooks.example/\r\nX: y", id="S2 line break"),
        pytest.param("https://hooks.example/#f", id="S3 fragment"),
        pytest.param("https://hooks.example/" + "x" * 2_048, id="S3 length"),
        pytest.param("http://localhost/", id="S4 single label"),
        pytest.param("https://db.internal./", id="S4 local suffix"),
        pytest.param("https://2130706434/", id="S5 decimal address"),
        pytest.param("https://[::ffff:127.0.0.2]/", id="S5 mapped address"),
        pytest.param("http://hooks.example:0/", id="S6 port"),
        pytest.param("https://hooks.example:65536/", id="S6 port too high"),
        pytest.param("https://xn--a.example/", id="S7 invalid name"),
        pytest.param("https://own.example/", id="S8 own host"),
        pytest.param("", id="nothing"),
    ],
)
def test_s1_to_s8_a_url_that_is_not_acceptable_any_more_is_not_sent_to(new_sender: MakeSender, url: str) -> None:
    def resolve(name: str) -> Sequence[IPAddress]:
        return [ip_address("93.184.215.14")] if name == "public.example" else to_loopback(name)

    sender = new_sender(judge(resolve, denied="127.0.0.2/32", own_hosts=("own.example",)))
    outcome = send_one(sender, request(url))

    assert outcome.error_code == ErrorCode.BLOCKED_ADDRESS
    assert outcome.error.startswith("Nothing was sent: ")


def test_s9_a_denied_address_is_recorded_and_nothing_is_sent(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge(denied="127.0.0.1/32"))
    outcome = send_one(sender, request(receiver.url()))
    named = send_one(sender, request(receiver.url("hooks.example")))

    assert (outcome.error_code, named.error_code) == (ErrorCode.BLOCKED_ADDRESS, ErrorCode.BLOCKED_ADDRESS)
    assert outcome.error == (
        "Nothing was sent: 127.0.0.1 is in 127.0.0.1/32, which this service's operator denies: use a public address."
    )
    assert (outcome.status, outcome.headers, outcome.body) == (None, (), "")
    assert receiver.connections == 0


def test_s11_one_denied_answer_refuses_the_attempt(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge_denying_bad(lambda name: [GOOD, BAD]))
    with never_connected(receiver.port):
        outcome = send_one(sender, request(receiver.url("mixed.example")))

    assert outcome.error_code == ErrorCode.BLOCKED_ADDRESS
    assert outcome.error == (
        "Nothing was sent: mixed.example leads where no request may go: "
        "127.0.0.2 is in 127.0.0.2/32, which this service's operator denies."
    )
    assert receiver.connections == 0


@pytest.mark.usefixtures("no_memory")
def test_s12_a_resolver_that_alternates_never_gets_a_connection_to_the_bad_address(new_sender: MakeSender) -> None:
    """S12: looked up once an attempt. Both addresses listen."""
    asked: list[str] = []

    def alternate(name: str) -> Sequence[IPAddress]:
        asked.append(name)
        return [GOOD if len(asked) % 2 else BAD]

    sender = new_sender(judge_denying_bad(alternate))
    with Receiver(answers(OK)) as good, never_connected(good.port):
        codes = [send_one(sender, request(good.url("rebind.example"))).error_code for _ in range(20)]

    assert codes == [None, ErrorCode.BLOCKED_ADDRESS] * 10
    assert asked == ["rebind.example"] * 20
    assert [received.header("host") for received in good.requests] == [f"rebind.example:{good.port}"] * 10


@pytest.mark.usefixtures("no_memory")
def test_s12_a_resolver_that_alternates_between_good_addresses_is_followed_each_time(new_sender: MakeSender) -> None:
    """What a sender remembers of a name never wins over the answer that was judged for this attempt."""
    asked: list[str] = []

    def alternate(name: str) -> Sequence[IPAddress]:
        asked.append(name)
        return [GOOD if len(asked) % 2 else OTHER]

    sender = new_sender(judge(alternate))
    with Receiver(answers(OK)) as first, Receiver(answers(OK), host="127.0.0.3", port=first.port) as second:
        for _ in range(6):
            assert send_one(sender, request(first.url("moving.example"))).error_code is None

    assert (len(first.requests), len(second.requests)) == (3, 3)


@pytest.mark.usefixtures("no_memory")
def test_s12_a_kept_connection_is_not_used_once_its_name_has_moved(new_sender: MakeSender) -> None:
    """S12: turned private after it was saved, for one."""
    answer_now = [GOOD]
    sender = new_sender(judge_denying_bad(lambda name: list(answer_now)))
    with Receiver(answers(OK)) as receiver, never_connected(receiver.port):
        url = receiver.url("moving.example")
        assert send_one(sender, request(url)).error_code is None
        answer_now[:] = [BAD]
        assert send_one(sender, request(url)).error_code == ErrorCode.BLOCKED_ADDRESS
        answer_now[:] = [OTHER]
        assert send_one(sender, request(url)).error_code == ErrorCode.CONNECTION_REFUSED
        answer_now[:] = [GOOD]
        assert send_one(sender, request(url)).error_code is None

    assert len(receiver.requests) == 2


def test_the_next_address_is_tried_when_one_refuses(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge(lambda name: [ip_address("127.0.0.9"), ip_address("127.0.0.8"), GOOD]))
    outcome = send_one(sender, request(receiver.url("three.example")))

    assert outcome.error_code is None
    assert len(receiver.requests) == 1


def test_the_next_address_is_tried_when_one_answers_nothing(new_sender: MakeSender, receiver: Receiver) -> None:
    """S17: within the wall clock. A listener whose queue is full drops what would connect."""
    with socket.create_server(("127.0.0.9", receiver.port), backlog=0) as silent, closed_afterwards() as fillers:
        for _ in range(3):
            filler = socket.socket()
            fillers.append(filler)
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        time.sleep(0.05)
        sender = new_sender(judge(lambda name: [ip_address("127.0.0.9"), GOOD]))
        outcome = send_one(sender, request(receiver.url("two.example"), timeout=5))

    assert outcome.error_code is None
    assert 100 <= outcome.duration_ms < 5_000
    assert len(receiver.requests) == 1


@contextmanager
def closed_afterwards() -> Iterator[list[socket.socket]]:
    """Sockets to be closed."""
    opened: list[socket.socket] = []
    yield opened
    for each in opened:
        each.close()


@pytest.mark.parametrize("host", ["[::1]", "six.example"])
def test_a_receiver_that_has_ipv6_only_is_reached(new_sender: MakeSender, host: str) -> None:
    sender = new_sender(judge(lambda name: [ip_address("::1")]))
    with Receiver(answers(OK), host="::1") as receiver:
        outcomes = [send_one(sender, request(receiver.url(host))) for _ in range(2)]

    assert [outcome.error_code for outcome in outcomes] == [None, None]
    assert [received.header("host") for received in receiver.requests] == [f"{host}:{receiver.port}"] * 2
    assert [received.connection for received in receiver.requests] == [1, 1]


def test_of_ipv6_and_ipv4_the_one_that_answers_is_used(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge(lambda name: [ip_address("::1"), GOOD]))
    assert send_one(sender, request(receiver.url("both.example"))).error_code is None

    assert len(receiver.requests) == 1


def test_s7_an_international_name_is_sent_to_in_its_ascii_form(new_sender: MakeSender, receiver: Receiver) -> None:
    asked: list[str] = []

    def resolve(name: str) -> Sequence[IPAddress]:
        asked.append(name)
        return [GOOD]

    sender = new_sender(judge(resolve))
    accepted = judge(resolve).accept(receiver.url("B\u00fccher.stra\u00dfe.example")).url
    assert send_one(sender, request(accepted)).error_code is None

    assert set(asked) == {"xn--bcher-kva.xn--strae-oqa.example"}
    assert [received.header("host") for received in receiver.requests] == [
        f"xn--bcher-kva.xn--strae-oqa.example:{receiver.port}"
    ]


def test_a_port_that_nobody_listens_on(sender: Sender) -> None:
    with Receiver(answers(OK)) as receiver:
        url = receiver.url("hooks.example")
    outcome = send_one(sender, request(url))

    assert outcome.error_code == ErrorCode.CONNECTION_REFUSED
    assert outcome.error == "No connection to the receiver could be made (connection refused)."


def test_names_that_do_not_resolve(sender: Sender) -> None:
    outcomes = [send_one(sender, request("https://hooks.missing.test/")) for _ in range(2)]

    for outcome in outcomes:
        assert outcome.error_code == ErrorCode.DNS_FAILURE
        assert outcome.error == "hooks.missing.test does not resolve (No such name)."


def test_a_name_without_an_address(new_sender: MakeSender) -> None:
    outcome = send_one(new_sender(judge(lambda name: [])), request("https://hooks.example/"))

    assert (outcome.error_code, outcome.error) == (ErrorCode.DNS_FAILURE, "hooks.example has no address.")


def test_s11_of_a_name_with_thousands_of_addresses_none_is_dialled(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge(lambda name: [GOOD, *(ip_address(0x7F010000 + number) for number in range(4_000))]))
    outcome = send_one(sender, request(receiver.url("hooks.example")))

    assert outcome.error_code == ErrorCode.DNS_FAILURE
    assert outcome.error == "hooks.example has more than 64 addresses."
    assert receiver.connections == 0


def test_s12_a_mapped_address_is_dialled_as_it_was_judged(new_sender: MakeSender, receiver: Receiver) -> None:
    sender = new_sender(judge_denying_bad(lambda name: [ip_address(f"::ffff:127.0.0.{1 if name[0] == 'g' else 2}")]))
    with never_connected(receiver.port):
        outcomes = [send_one(sender, request(receiver.url(host))) for host in ("good.example", "bad.example")]

    assert [outcome.error_code for outcome in outcomes] == [None, ErrorCode.BLOCKED_ADDRESS]
    assert len(receiver.requests) == 1


def test_a_resolver_that_breaks(new_sender: MakeSender) -> None:
    def broken(name: str) -> Sequence[IPAddress]:
        raise ZeroDivisionError("broken")

    assert send_one(new_sender(judge(broken)), request("https://a.example/")).error_code == ErrorCode.DNS_FAILURE


@contextmanager
def hanging(released: threading.Event) -> Iterator[None]:
    """Releases what hangs at the end, so that no thread outlives its test."""
    try:
        yield
    finally:
        released.set()
        while any(thread.name == "name look-up" for thread in threading.enumerate()):
            time.sleep(0.01)


def test_s15_a_look_up_that_hangs_ends_within_the_wall_clock_and_holds_nobody_up(
    new_sender: MakeSender, receiver: Receiver
) -> None:
    released = threading.Event()

    def hang(name: str) -> Sequence[IPAddress]:
        if name.startswith("hang"):
            released.wait()
        return to_loopback(name)

    sender = new_sender(judge(hang))
    with hanging(released):
        for number in range(4):
            sender.start(request(f"https://hang{number}.example/", token=number, timeout=2))
        started = time.monotonic()
        sender.start(request(receiver.url("prompt.example"), token="prompt"))
        assert [outcome.token for outcome in sender.finished(wait=0.9)] == ["prompt"]
        assert time.monotonic() - started < 1
        outcomes: list[Outcome] = []
        while len(outcomes) < 4:
            outcomes += sender.finished(wait=5, at_least=4)

    assert {outcome.token for outcome in outcomes} == {0, 1, 2, 3}
    for outcome in outcomes:
        assert outcome.error_code == ErrorCode.DNS_FAILURE
        assert outcome.error == f"Looking up hang{outcome.token}.example took longer than 1 s."
        assert 1_000 <= outcome.duration_ms < 2_000


def test_s15_an_answer_that_comes_late_leaves_the_attempt_the_rest_of_its_time(
    new_sender: MakeSender, receiver: Receiver
) -> None:
    released = threading.Event()

    def late(name: str) -> Sequence[IPAddress]:
        released.wait()
        return to_loopback(name)

    sender = new_sender(judge(late))
    with Receiver(lambda peer: peer.wait_until_closed()) as silent, hanging(released):
        sender.start(request(silent.url("late.example"), token="silent", timeout=2.4))
        sender.start(request(receiver.url("late.example"), token="prompt", timeout=2.4))
        assert sender.finished(wait=0.4) == []
        released.set()
        (prompt,) = sender.finished(wait=2)
        (timed_out,) = sender.finished(wait=5)

    assert (prompt.token, prompt.error_code) == ("prompt", None)
    assert 400 <= prompt.duration_ms < 2_400
    assert (timed_out.token, timed_out.error_code) == ("silent", ErrorCode.TIMEOUT)
    assert 2_400 <= timed_out.duration_ms < 3_400
    assert receiver.requests[0].body == BODY


def test_s15_an_answer_is_remembered_and_asked_for_once_by_many(new_sender: MakeSender, receiver: Receiver) -> None:
    asked: list[str] = []

    def count(name: str) -> Sequence[IPAddress]:
        asked.append(name)
        time.sleep(0.05)
        return to_loopback(name)

    sender = new_sender(judge(count))
    requests = [request(receiver.url("hooks.example"), token=number) for number in range(10)]
    outcomes = send(sender, *requests) + send(sender, *requests)

    assert [outcome.error_code for outcome in outcomes] == [None] * 20
    assert asked == ["hooks.example"]
