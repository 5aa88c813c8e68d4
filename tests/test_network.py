"""The tests' network ends at loopback."""

import socket

import pytest

from tests.network import NetworkBlockedError, refuse_outside_loopback


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1", "example.com"])
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_an_address_outside_loopback_is_refused_by_name(event: str, host: str) -> None:
    with pytest.raises(NetworkBlockedError, match=f"This test reached for {host}, but"):
        refuse_outside_loopback(event, (None, (host, 443)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"])
def test_loopback_is_let_through(host: str) -> None:
    refuse_outside_loopback("socket.connect", (None, (host, 443)))


@pytest.mark.parametrize("address", ["run/server.socket", b"\0abstract", None])
def test_unix_sockets_and_connected_sockets_are_let_through(address: str | bytes | None) -> None:
    refuse_outside_loopback("socket.sendmsg", (None, address))


def test_a_real_socket_is_refused_before_anything_leaves() -> None:
    with socket.socket() as client:
        client.settimeout(0.1)
        with pytest.raises(NetworkBlockedError):
            client.connect(("192.0.2.1", 443))
    with socket.socket(type=socket.SOCK_DGRAM) as client, pytest.raises(NetworkBlockedError):
        client.sendto(b"x", ("192.0.2.1", 53))


def test_a_real_connection_to_loopback_is_let_through() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        client.sendall(b"hello")
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(5) == b"hello"


@pytest.mark.parametrize("name", ["receiver.example", "example.com", b"example.com"])
def test_names_are_answered_as_unknown_without_asking_anyone(name: str | bytes) -> None:
    with pytest.raises(socket.gaierror, match="tests look up no names") as refused:
        socket.getaddrinfo(name, 443)
    assert refused.value.errno == socket.EAI_NONAME


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", None])
def test_local_names_and_addresses_are_looked_up(name: str | None) -> None:
    assert socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
