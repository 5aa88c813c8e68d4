"""A receiver's answer, as far as it is stored, in text that any database takes (security.md S18 to S21)."""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from urllib3 import HTTPResponse

from deliveries.transport.sender import MAX_RESPONSE_BODY, Headers

MAX_HEADER_VALUE = 4_096  # characters stored of a header's value
MAX_HEADERS_STORED = 32_768  # characters stored of all headers


@dataclass(slots=True)
class Answer:
    """What has come so far: it is worth recording also when the rest never comes."""

    status: int | None = None
    headers: Headers = ()
    body: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    def read(self, response: HTTPResponse) -> None:
        """Read the body, to its end or to MAX_RESPONSE_BODY bytes. Raises what urllib3 raises."""
        self.status = response.status
        self.headers = stored_headers(response.headers.items())
        try:
            while room := MAX_RESPONSE_BODY - len(self.body):
                # read1: what has come is kept when the rest does not. It inflates nothing (S19).
                part = response.read1(room, decode_content=False)
                if not part:
                    return
                self.body += part
            self.truncated = response.length_remaining != 0
        except BaseException:
            self.truncated = True
            raise
        finally:
            # Read to its end it is closed, and the connection kept.
            if not response.closed:
                response.close()

    def text(self) -> str:
        """The body as it is stored."""
        if not self.body:
            return ""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # A character cut in two by us is left out; one that the receiver broke is replaced.
        text = decoder.decode(bytes(self.body), final=not self.truncated)
        return text.replace("\x00", "\ufffd")  # PostgreSQL's text holds no NUL (S20)

    @property
    def succeeded(self) -> bool:
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


def stored_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """Names and values as they are stored, as far as they fit. `heads` lets no NUL through to here."""
    stored: list[tuple[str, str]] = []
    room = MAX_HEADERS_STORED
    for name, value in headers:
        value = value[:MAX_HEADER_VALUE]
        room -= len(name) + len(value)
        if room < 0:
            break
        stored.append((name, value))
    return tuple(stored)
