"""Reading answers of receivers that mean harm (security.md S20).

`http.client` forgives where it should not: a chunk of size -1 makes it read without end, a 103 passes for
the answer (and the answer for that of the next request), trailers and 100 Continue may go on for ever, a
malformed header hides the Content-Length after it.
"""

import email.errors
import http.client
import re

MAX_INTERIM_RESPONSES = 10
MAX_LINE = 65_536  # bytes, as http.client's own limit of a line
MAX_FIELDS = 100  # as http.client's own limit of headers

_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LENGTH = re.compile(r"[0-9]{1,18}")
_HEADER_DEFECTS = (
    email.errors.MissingHeaderBodySeparatorDefect,
    email.errors.FirstHeaderLineIsContinuationDefect,
)


class InvalidResponse(http.client.HTTPException):
    """The answer is not valid HTTP; the message is a clause that says why."""


class StrictResponse(http.client.HTTPResponse):
    """An answer whose framing is beyond doubt. Raises InvalidResponse, or what http.client raises."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INTERIM_RESPONSES + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= 200:
                return version, status, reason
            if status == 101:
                raise InvalidResponse("it switched to another protocol")
            self._skip_fields()
        raise InvalidResponse("it sent one interim response after the other")

    def begin(self) -> None:
        super().begin()
        if any(isinstance(defect, _HEADER_DEFECTS) for defect in self.headers.defects):
            raise InvalidResponse("a header line is malformed")
        encodings = self.headers.get_all("transfer-encoding", [])
        if encodings and (len(encodings) > 1 or not self.chunked):
            raise InvalidResponse("its transfer encoding is not chunked")
        lengths = {length.strip() for length in self.headers.get_all("content-length", [])}
        if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
            raise InvalidResponse("its Content-Length is not a number")
        if encodings and lengths:
            # The encoding counts, but the connection is not to be trusted further (RFC 9112, section 6.3).
            self.will_close = True

    def _read_next_chunk_size(self) -> int:
        size = self._line().partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size):
            raise InvalidResponse("the size of a chunk is not a number")
        return int(size, 16)

    def _read_and_discard_trailer(self) -> None:
        self._skip_fields()

    def _skip_fields(self) -> None:
        for _ in range(MAX_FIELDS + 1):
            if self._line() in (b"\r\n", b"\n", b""):
                return
        raise InvalidResponse("it has too many headers")

    def _line(self) -> bytes:
        line = self.fp.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise http.client.LineTooLong("line")
        return line
