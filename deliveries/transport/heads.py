"""The head of an answer, and what it says of the body (RFC 9112, sections 4 to 6; security.md S20).

Both senders read by these rules: framing that is beyond doubt, or an error.
"""

import http.client
import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_INTERIM_RESPONSES = 10
MAX_LINE = 65_536  # bytes; of a header, its continuation lines included
MAX_FIELDS = 100  # headers, or trailers
MAX_HEAD = 307_200  # bytes of everything but the body: libcurl's limit, which cannot be changed
LINE_ENDS = (b"\r\n", b"\n")

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\0\r\n]*)?\r?\n")
# No NUL and no lone CR: libcurl refuses them. Spaces around the value are for strip(): a pattern that can share them
# out in many ways takes a minute to read a line full of them, and all that time nobody else gets to run.
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0\r\n]*)\r?\n")
_LENGTH = re.compile(r"[0-9]{1,18}")


class InvalidResponse(http.client.HTTPException):
    """The answer is not valid HTTP; the message is a clause that says why."""


class StatusLine(NamedTuple):
    """`minor_version` is the 1 of HTTP/1.1."""

    minor_version: int
    status: int


class Framing(NamedTuple):
    """Where the body ends: with the last chunk, after `length` bytes, or (None) with the connection.

    `doubtful`: it says so in two ways. The answer counts, but the connection is not to be trusted further.
    """

    chunked: bool
    length: int | None
    doubtful: bool = False


def status_line(line: bytes) -> StatusLine:
    """Raises InvalidResponse, also for a status that ends HTTP (101)."""
    if len(line) > MAX_LINE:
        raise too_long()
    match = _STATUS_LINE.fullmatch(line)
    if not match:
        raise InvalidResponse("it does not begin with an HTTP/1 status line")
    status = int(match[2])
    if status == http.client.SWITCHING_PROTOCOLS:
        raise InvalidResponse("it switched to another protocol")
    return StatusLine(int(match[1]), status)


def field(line: bytes) -> tuple[str, str]:
    """Name and value of a header line, unfolded. Raises InvalidResponse."""
    if len(line) > MAX_LINE:
        raise too_long()
    match = _FIELD.fullmatch(line)
    if not match:
        raise InvalidResponse("a header line is malformed")
    return match[1].decode("ascii"), match[2].strip(b" \t").decode("latin-1")


def framing(status: int, fields: Iterable[tuple[str, str]]) -> Framing:
    """What the headers say of the body. Raises InvalidResponse where they leave a doubt."""
    lengths: set[str] = set()
    encodings: list[str] = []
    for name, value in fields:
        lower = name.lower()
        if lower == "content-length":
            lengths.add(value)
        elif lower == "transfer-encoding":
            encodings.append(value.lower())
    if encodings and encodings != ["chunked"]:
        raise InvalidResponse("its transfer encoding is not chunked")
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise InvalidResponse("its Content-Length is not a number")
    if status in (http.client.NO_CONTENT, http.client.NOT_MODIFIED):
        return Framing(False, 0)
    if encodings:
        return Framing(True, None, doubtful=bool(lengths))
    return Framing(False, int(lengths.pop()) if lengths else None)


def too_long() -> InvalidResponse:
    return InvalidResponse(f"a line of it is longer than {MAX_LINE} bytes")


def too_large() -> InvalidResponse:
    return InvalidResponse(f"its headers are longer than {MAX_HEAD} bytes")


def too_many_fields() -> InvalidResponse:
    return InvalidResponse(f"it has more than {MAX_FIELDS} header lines")


def too_many_interim_responses() -> InvalidResponse:
    return InvalidResponse("it sent one interim response after the other")
