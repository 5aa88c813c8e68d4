"""Reading a request's body: at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes of strict JSON (RFC 8259) in UTF-8.

Stricter than Python's own reader where it would let in what cannot be stored or sent on: NaN and Infinity,
numbers too large for a double, half of a surrogate pair, nesting that breaks a later recursion.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn, Protocol

from django.conf import settings
from rest_framework.parsers import BaseParser

from switera_webhooks.api.errors import MalformedBody
from switera_webhooks.refusals import TooLarge

MAX_DEPTH = 100
# What is read and dropped of a body that is too large, so that its sender gets to read the answer.
_MAX_DRAINED = 64 * 1024 * 1024
_PIECE = 64 * 1024
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep."


class Readable(Protocol):
    """A request, or the body's stream itself."""

    def read(self, size: int, /) -> bytes: ...


class StrictJSONParser(BaseParser):
    """DRF's way to the body. Raises MalformedBody (400) and TooLarge (413)."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return parse_json(read_body(stream))


def read_body(stream: Readable) -> bytes:
    """The body, whatever length its header claims. Raises TooLarge, and MalformedBody if it breaks off."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    pieces: list[bytes] = []
    left = limit + 1
    try:
        while left and (piece := stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
    except MemoryError:
        raise
    except Exception as error:  # each server has its own errors for a body that ends too soon or is badly chunked
        raise MalformedBody("it broke off.") from error
    if not left:
        _drain(stream)
        raise TooLarge(
            f"The request is over {limit:,} bytes: send less at a time.",
            details={"body": [f"Give at most {limit:,} bytes."]},
        )
    return b"".join(pieces)


def _drain(stream: Readable) -> None:
    """Read and drop the rest, within reason: a server that closes on unread data resets the connection."""
    left = _MAX_DRAINED
    try:
        while left > 0 and (piece := stream.read(_PIECE)):
            left -= len(piece)
    except Exception:  # noqa: BLE001 (as above; its sender gets the answer that it is too large)
        return


def parse_json(body: bytes) -> Any:
    """The value in `body`, at most 100 levels deep. Raises MalformedBody: what is wrong, and where."""
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedBody(f"byte {error.start + 1} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise MalformedBody(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise MalformedBody(_TOO_DEEP) from error
    except ValueError as error:  # Python refuses to read whole numbers of more than 4,300 digits
        raise MalformedBody("it holds a number with too many digits.") from error
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    if _SURROGATE_ESCAPE.search(body):
        _check_surrogates(value)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedBody(f"{name} is not a JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise MalformedBody("it holds a number that is too large for a double.")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise MalformedBody(_TOO_DEEP)


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedBody("it holds half of a surrogate pair, which is no character.") from error
