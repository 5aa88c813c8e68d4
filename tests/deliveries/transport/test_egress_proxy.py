"""The operator's egress proxy: asked for the address that was judged, and no way around it (security.md S12, S15)."""

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme

from deliveries.error_codes import ErrorCode
from deliveries.transport.sender import Sender
from switera_webhooks.environment import Proxy
from tests.deliveries.transport.senders import (
    APP,
    HEADERS,
    OTHER_APP,
    MakeSender,
    judge,
    request,
    send_one,
    to_loopback,
)
from tests.receivers.behaviours import OK, answers, closes_at_once, drips, never_answers
from tests.receivers.certificates import server_context
from tests.receivers.connect_proxy import tunnels
from tests.receivers.server import Receiver
from webhooks.destinations.address_guard import IPAddress

Through = Callable[..., Sender]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def through(new_sender: MakeSender, authority: trustme.CA, tmp_path: Path) -> Through:
    """Makes a sender that goes through the proxy at a port."""
    bundle = str(tmp_path / "authority.pem")
    authority.cert_pem.write_to_path(bundle)

    def make(port: int, host: str = "127.0.0.1", credentials: str = "", **options: object) -> Sender:
        resolve = options.get("resolve", to_loopback)
        denied = str(options.get("denied", ""))
        return new_sender(
            judge(resolve, denied=denied),  # type: ignore[arg-type]
            ca_bundle=bundle,
            proxy=Proxy(host, port, credentials),
        )

    return make


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority, "hooks.example")


@pytest.fixture
def secure(tls: ssl.SSLContext) -> Iterator[Receiver]:
    with Receiver(answers(OK), tls=tls) as running:
        yield running


def test_the_proxy_is_asked_for_the_judged_address_and_the_receiver_for_its_name(
    through: Through, secure: Receiver
) -> None:
    with Receiver(tunnels()) as proxy:
        sender = through(proxy.port)
        for _ in range(2):
            outcome = send_one(sender, request(secure.url("hooks.example"), headers=(*HEADERS, ("x-token", "secret"))))
            assert (outcome.error_code, outcome.status, outcome.body) == (None, 200, "ok")
            assert outcome.headers == (("Content-Length", "2"),)

    assert [received.target for received in proxy.requests] == [f"127.0.0.1:{secure.port}"]
    assert {name.lower() for name, _ in proxy.requests[0].headers} <= {"host", "proxy-connection"}
    assert [received.header("host") for received in secure.requests] == [f"hooks.example:{secure.port}"] * 2
    assert [received.header("x-token") for received in secure.requests] == ["secret"] * 2
    assert [received.connection for received in secure.requests] == [1, 1]


def test_plain_http_goes_through_a_tunnel_too(through: Through, receiver: Receiver) -> None:
    with Receiver(tunnels()) as proxy:
        outcome = send_one(through(proxy.port), request(receiver.url("hooks.example")))

    assert outcome.error_code is None
    assert [received.target for received in proxy.requests] == [f"127.0.0.1:{receiver.port}"]
    assert receiver.requests[0].target == "/hook"


def test_s16_tunnels_are_not_shared_between_apps(through: Through, secure: Receiver) -> None:
    with Receiver(tunnels()) as proxy:
        sender = through(proxy.port)
        for app_id in (APP, OTHER_APP, APP):
            assert send_one(sender, request(secure.url("hooks.example"), app_id=app_id)).error_code is None

    assert [received.connection for received in secure.requests] == [1, 2, 1]


def test_s9_a_denied_address_is_not_asked_for(through: Through, receiver: Receiver) -> None:
    with Receiver(tunnels()) as proxy:
        outcome = send_one(through(proxy.port, denied="127.0.0.1/32"), request(receiver.url("hooks.example")))

    assert outcome.error_code == ErrorCode.BLOCKED_ADDRESS
    assert (proxy.connections, receiver.connections) == (0, 0)


def test_s12_a_tunnel_is_not_used_once_the_name_has_moved(through: Through, secure: Receiver, no_memory: None) -> None:
    answer_now = [ip_address("127.0.0.1")]
    with Receiver(tunnels()) as proxy:
        sender = through(proxy.port, resolve=lambda name: list(answer_now))
        assert send_one(sender, request(secure.url("hooks.example"))).error_code is None
        answer_now[:] = [ip_address("127.0.0.3")]
        assert send_one(sender, request(secure.url("hooks.example"))).error_code is not None

    assert [received.target for received in proxy.requests] == [f"127.0.0.{n}:{secure.port}" for n in (1, 3)]
    assert len(secure.requests) == 1


def test_the_next_address_is_asked_for_when_the_proxy_cannot_reach_one(through: Through, secure: Receiver) -> None:
    bad = [ip_address("127.0.0.9"), ip_address("::1")]
    with Receiver(tunnels(refused=[f"127.0.0.9:{secure.port}", f"[::1]:{secure.port}"])) as proxy:
        sender = through(proxy.port, resolve=lambda name: [*bad, ip_address("127.0.0.1")])
        outcome = send_one(sender, request(secure.url("hooks.example")))

    assert outcome.error_code is None
    assert [received.target for received in proxy.requests] == [
        f"127.0.0.9:{secure.port}",
        f"[::1]:{secure.port}",
        f"127.0.0.1:{secure.port}",
    ]
    assert len(secure.requests) == 1


def test_a_proxy_that_refuses_is_named_with_its_status(through: Through, secure: Receiver) -> None:
    with Receiver(tunnels(refused=[f"127.0.0.1:{secure.port}"], refusal="403 Forbidden")) as proxy:
        outcome = send_one(through(proxy.port), request(secure.url("hooks.example")))

    assert (outcome.error_code, outcome.status, outcome.headers, outcome.body) == (
        ErrorCode.CONNECTION_REFUSED,
        None,
        (),
        "",
    )
    assert outcome.error == "No connection to the receiver could be made (the egress proxy answered 403)."
    assert secure.connections == 0


def test_the_proxy_gets_the_credentials_and_the_receiver_does_not(through: Through, secure: Receiver) -> None:
    with Receiver(tunnels(credentials="us\u00e9r:p w@:%41")) as proxy:
        for credentials, code in (("us\u00e9r:p w@:%41", None), ("us\u00e9r:wrong", ErrorCode.CONNECTION_REFUSED)):
            sender = through(proxy.port, credentials=credentials)
            outcome = send_one(sender, request(secure.url("hooks.example")))
            assert outcome.error_code == code

    assert outcome.error == "No connection to the receiver could be made (the egress proxy answered 407)."
    assert len(secure.requests) == 1
    assert secure.requests[0].header("proxy-authorization") is None


UNREACHABLE = "No connection to the receiver could be made (the egress proxy cannot be reached)."


@pytest.mark.parametrize("behave", [closes_at_once, answers(b"hello\r\n\r\n")], ids=["closes", "no HTTP"])
def test_a_proxy_that_is_none(through: Through, secure: Receiver, behave: Callable[..., None]) -> None:
    with Receiver(behave) as proxy:
        outcome = send_one(through(proxy.port), request(secure.url("hooks.example")))

    assert (outcome.error_code, outcome.error) == (ErrorCode.CONNECTION_REFUSED, UNREACHABLE)
    assert secure.connections == 0


def test_without_the_proxy_nothing_is_sent(through: Through, secure: Receiver) -> None:
    with Receiver(tunnels()) as proxy:
        pass
    outcome = send_one(through(proxy.port), request(secure.url("hooks.example")))

    assert (outcome.error_code, outcome.error) == (ErrorCode.CONNECTION_REFUSED, UNREACHABLE)
    assert secure.connections == 0


@pytest.mark.parametrize("behave", [never_answers, drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100)])
def test_s17_a_proxy_that_hangs_is_within_the_wall_clock(
    through: Through, secure: Receiver, behave: Callable[..., None]
) -> None:
    with Receiver(behave) as proxy:
        outcome = send_one(through(proxy.port), request(secure.url("hooks.example"), timeout=1))

    assert outcome.error_code == ErrorCode.TIMEOUT
    assert 1_000 <= outcome.duration_ms < 2_000


def test_the_proxys_name_is_looked_up_and_not_judged(
    through: Through, secure: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(name: str) -> Sequence[IPAddress]:
        asked.append(name)
        return [ip_address("127.0.0.5")]

    monkeypatch.setattr("tests.deliveries.transport.senders.resolve_proxy", resolve)
    with Receiver(tunnels(), host="127.0.0.5") as proxy:
        sender = through(proxy.port, host="proxy.internal", denied="127.0.0.5/32")
        for _ in range(2):
            assert send_one(sender, request(secure.url("hooks.example"))).error_code is None

    assert asked == ["proxy.internal"]
    assert len(secure.requests) == 2


def test_s15_a_proxy_whose_name_hangs_or_leads_nowhere(
    through: Through, secure: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()

    def resolve(name: str) -> Sequence[IPAddress]:
        if name == "hangs.internal":
            released.wait()
        raise OSError(-2, "No such name")

    monkeypatch.setattr("tests.deliveries.transport.senders.resolve_proxy", resolve)
    try:
        for host in ("hangs.internal", "missing.internal"):
            outcome = send_one(through(1, host=host), request(secure.url("hooks.example"), timeout=1))
            assert (outcome.error_code, outcome.error) == (ErrorCode.CONNECTION_REFUSED, UNREACHABLE)
            assert outcome.duration_ms < 1_500
    finally:
        released.set()

    assert "WEBHOOKS_EGRESS_PROXY: Looking up hangs.internal took longer than 0.5 s." in caplog.text
    assert "WEBHOOKS_EGRESS_PROXY: missing.internal does not resolve (No such name)." in caplog.text
    assert secure.connections == 0
