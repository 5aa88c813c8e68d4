"""The tests' network ends at loopback: no request, datagram or name look-up of theirs leaves the machine."""

import ipaddress
import socket
import sys
from typing import Any

_GUARDED = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


class NetworkBlockedError(RuntimeError):
    """A test tried to reach another machine. No OSError, so that no code mistakes it for a refusal."""


def refuse_outside_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook (sys.addaudithook): raises NetworkBlockedError for an address that is not loopback.

    A name other than localhost is answered as one that does not exist (socket.gaierror), so that a test
    ends the same on every machine.
    """
    if event in _GUARDED:
        address = arguments[1]
        # Unix sockets have no host, and a connected socket sends without naming an address.
        if isinstance(address, tuple) and not _is_loopback(str(address[0])):
            raise NetworkBlockedError(
                f"This test reached for {address[0]}, but tests talk to loopback only: "
                f"run a server on 127.0.0.1 instead."
            )
    elif event in _LOOK_UPS:
        host = arguments[0]
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name and not _is_address(name) and name != "localhost":
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: tests look up no names")


def block() -> None:
    """Install the hook in this process; it cannot be taken out again."""
    sys.addaudithook(refuse_outside_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if not _is_address(host):
        return host == "localhost"
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
