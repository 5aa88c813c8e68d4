"""From what went wrong to an error code and a sentence."""

import errno
import http.client
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from urllib3.exceptions import IncompleteRead, InvalidHeader

from deliveries.error_codes import ErrorCode
from deliveries.transport.heads import InvalidResponse

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
CERTIFICATE_CODES = {
    9: ErrorCode.TLS_EXPIRED,  # not valid yet
    10: ErrorCode.TLS_EXPIRED,
    62: ErrorCode.TLS_HOSTNAME,
    64: ErrorCode.TLS_HOSTNAME,  # an IP address
}
# Of descriptors or memory: no receiver's doing, so an internal error.
OUR_OWN_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Failure(NamedTuple):
    """Why an attempt failed; `sentence` is for people."""

    code: ErrorCode
    sentence: str


def failure(code: ErrorCode, detail: str = "") -> Failure:
    """The code's own sentence, with a detail in brackets."""
    return Failure(code, f"{code.sentence.removesuffix('.')} ({detail})." if detail else code.sentence)


def failure_of(error: BaseException) -> Failure | None:
    """What an exception of requests, urllib3, http.client, ssl or a socket stands for; else None."""
    causes = list(_causes(error))
    for test in (_tls_failure, _http_failure, _socket_failure):
        for cause in causes:
            if found := test(cause):
                return found
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps; requests and urllib3 wrap by arguments and `reason`."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
        waiting.extend(link for link in linked if isinstance(link, BaseException))


def _tls_failure(error: BaseException) -> Failure | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        code = CERTIFICATE_CODES.get(error.verify_code, ErrorCode.TLS_UNTRUSTED)
        return failure(code, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return failure(ErrorCode.TLS_ERROR, (error.reason or "").lower().replace("_", " "))
    return None


def _http_failure(error: BaseException) -> Failure | None:
    if isinstance(error, InvalidResponse):
        return failure(ErrorCode.INVALID_RESPONSE, str(error))
    if isinstance(error, IncompleteRead | http.client.IncompleteRead):
        return failure(ErrorCode.INVALID_RESPONSE, "it ended too early")
    if isinstance(error, http.client.RemoteDisconnected):
        return failure(ErrorCode.CONNECTION_RESET)
    if isinstance(error, http.client.HTTPException | InvalidHeader):
        return failure(ErrorCode.INVALID_RESPONSE)
    return None


def _socket_failure(error: BaseException) -> Failure | None:
    if isinstance(error, TimeoutError):
        return failure(ErrorCode.TIMEOUT)
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return failure(ErrorCode.CONNECTION_RESET)
    if isinstance(error, OSError) and error.errno is not None and error.errno not in OUR_OWN_SHORTAGES:
        return failure(ErrorCode.CONNECTION_REFUSED, (error.strerror or "").lower())
    return None
