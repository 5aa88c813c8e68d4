"""What an egress proxy does: a behaviour for tests.receivers.server.Receiver."""

import base64
import socket
from collections.abc import Collection

from tests.receivers.server import Behaviour, Peer


def tunnels(*, refused: Collection[str] = (), credentials: str = "", refusal: str = "502 Bad Gateway") -> Behaviour:
    """Answers CONNECT and passes on what follows; `refused` are host:port texts that it makes no connection to."""
    wanted = f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else None

    def behave(peer: Peer) -> None:
        received = peer.read_request()
        if received is None:
            return
        if received.header("proxy-authorization") != wanted:
            peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")
            return
        if received.method != "CONNECT" or received.target in refused:
            peer.send(f"HTTP/1.1 {refusal}\r\nX-Of-The-Proxy: 1\r\nContent-Length: 3\r\n\r\nbad".encode())
            return
        host, _, port = received.target.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as other:
            peer.send(b"HTTP/1.1 200 Connection established\r\nX-Of-The-Proxy: 1\r\n\r\n")
            peer.relay(other)

    return behave
