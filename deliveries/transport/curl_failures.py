"""From libcurl's errors to our codes. Its texts are read, but repeated only where they cannot hold a secret."""

import errno
import os
import re
from typing import NamedTuple

import pycurl

from deliveries.error_codes import ErrorCode
from deliveries.transport.failures import CERTIFICATE_CODES, OUR_OWN_SHORTAGES, Failure, failure

_VERIFY_RESULT = re.compile(r"verify result: (.+) \(\d+\)")
_TLS_REASON = re.compile(r"error:[0-9A-F]+:[^:]*:[^:]*:([^,]+)")
_TOO_LARGE = 100  # CURLE_TOO_LARGE, for which pycurl has no name: a line that does not end
_RESETS = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}

_CODES = {
    pycurl.E_COULDNT_CONNECT: ErrorCode.CONNECTION_REFUSED,
    pycurl.E_OPERATION_TIMEDOUT: ErrorCode.TIMEOUT,
    pycurl.E_SEND_ERROR: ErrorCode.CONNECTION_RESET,
    # A kept connection broke. libcurl would send the request again, but our body does not come twice.
    pycurl.E_SEND_FAIL_REWIND: ErrorCode.CONNECTION_RESET,
    pycurl.E_UNSUPPORTED_PROTOCOL: ErrorCode.INVALID_RESPONSE,  # HTTP/0.9, and versions that do not exist
    pycurl.E_FTP_WEIRD_SERVER_REPLY: ErrorCode.INVALID_RESPONSE,
    pycurl.E_PARTIAL_FILE: ErrorCode.INVALID_RESPONSE,
    _TOO_LARGE: ErrorCode.INVALID_RESPONSE,
    pycurl.E_BAD_CONTENT_ENCODING: ErrorCode.INVALID_RESPONSE,  # a Transfer-Encoding other than chunked
    pycurl.E_SSL_CONNECT_ERROR: ErrorCode.TLS_ERROR,
}


class CurlError(NamedTuple):
    """What libcurl says of a failed transfer; `verify_result` is OpenSSL's X509_V_…, 1 where libcurl found fault."""

    code: int
    text: str
    system_error: int
    verify_result: int

    @property
    def is_end_of_connection(self) -> bool:
        """Whether the receiver closed the connection, TLS without a goodbye included."""
        closed_tls = self.code == pycurl.E_RECV_ERROR and "unexpected eof while reading" in self.text
        return closed_tls or self.code == pycurl.E_GOT_NOTHING


def failure_of(error: CurlError) -> Failure | None:
    """What the error stands for; None for one that no receiver can cause."""
    if error.system_error in OUR_OWN_SHORTAGES:
        return None
    if error.code == pycurl.E_PEER_FAILED_VERIFICATION:
        return _certificate_failure(error)
    if error.code in (pycurl.E_RECV_ERROR, pycurl.E_SSL_CONNECT_ERROR) and error.system_error in _RESETS:
        return failure(ErrorCode.CONNECTION_RESET)
    if error.code == pycurl.E_RECV_ERROR:
        # Besides the network: alerts of TLS 1.3 that come after the handshake, and broken chunks.
        return _tls_failure(error) if "SSL" in error.text else failure(ErrorCode.INVALID_RESPONSE)
    if error.code == pycurl.E_SSL_CONNECT_ERROR:
        return _tls_failure(error)
    if error.code == pycurl.E_COULDNT_CONNECT and error.system_error:
        return failure(ErrorCode.CONNECTION_REFUSED, os.strerror(error.system_error).lower())
    code = _CODES.get(error.code)
    return failure(code) if code else None


def _certificate_failure(error: CurlError) -> Failure:
    if error.verify_result <= 1:  # libcurl compares the names itself
        return failure(ErrorCode.TLS_HOSTNAME)
    reason = _VERIFY_RESULT.search(error.text)
    code = CERTIFICATE_CODES.get(error.verify_result, ErrorCode.TLS_UNTRUSTED)
    return failure(code, reason[1] if reason else "")


def _tls_failure(error: CurlError) -> Failure:
    reason = _TLS_REASON.search(error.text)
    return failure(ErrorCode.TLS_ERROR, reason[1].strip() if reason else "")
