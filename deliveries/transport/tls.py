"""How receivers are verified (security.md S14): always, TLS 1.2 or newer, and no tenant has a say in it."""

import os
import ssl
from collections.abc import Iterable
from pathlib import Path

import certifi


class _SharedContext(ssl.SSLContext):
    """A context for many threads. urllib3 sets its ALPN anew for every connection, under the hands of another
    thread that copies it for a handshake; this one has it from the start.
    """

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Already set."""


def client_context(ca_bundle: str) -> ssl.SSLContext:
    """A context that trusts certifi's authorities and those in the file `ca_bundle` (empty for none).

    Raises ValueError when the bundle cannot be read.
    """
    context = _SharedContext(ssl.PROTOCOL_TLS_CLIENT)
    ssl.SSLContext.set_alpn_protocols(context, ["http/1.1"])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    if ca_bundle:
        try:
            context.load_verify_locations(ca_bundle)
        except OSError as error:  # ssl.SSLError too
            raise ValueError(
                f"WEBHOOKS_CA_BUNDLE is {ca_bundle!r}, but must be a file of PEM certificates ({error})."
            ) from error
    return context


class AuthoritiesFile:
    """The same authorities in one file, for libcurl, which reads no two. Raises ValueError like client_context()."""

    def __init__(self, ca_bundle: str) -> None:
        self.path = certifi.where()
        self._memory: int | None = None
        if ca_bundle:
            client_context(ca_bundle)
            # In memory, so that nothing is left behind, whatever ends the process.
            self._memory = os.memfd_create("authorities", os.MFD_CLOEXEC)
            with open(self._memory, "wb", closefd=False) as file:
                for source in (self.path, ca_bundle):
                    file.write(Path(source).read_bytes() + b"\n")
            self.path = f"/proc/self/fd/{self._memory}"

    def close(self) -> None:
        if self._memory is not None:
            os.close(self._memory)
            self._memory = None
