"""Why an attempt failed: the codes that the API, the pages and the database know, each with its sentence."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """The error codes of an attempt; `sentence` says to a person what happened."""

    HTTP_STATUS = "http_status"
    REDIRECT = "redirect"
    TIMEOUT = "timeout"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    DNS_FAILURE = "dns_failure"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_HOSTNAME = "tls_hostname"
    TLS_ERROR = "tls_error"
    BLOCKED_ADDRESS = "blocked_address"
    INVALID_RESPONSE = "invalid_response"
    WORKER_LOST = "worker_lost"
    INTERNAL_ERROR = "internal_error"

    @property
    def sentence(self) -> str:
        """One sentence without particulars of the attempt."""
        return _SENTENCES[self]


_SENTENCES = {
    ErrorCode.HTTP_STATUS: "The receiver answered with a status other than 2xx.",
    ErrorCode.REDIRECT: "The receiver answered with a redirect, and redirects are not followed.",
    ErrorCode.TIMEOUT: "The receiver did not answer completely in time.",
    ErrorCode.CONNECTION_REFUSED: "No connection to the receiver could be made.",
    ErrorCode.CONNECTION_RESET: "The receiver closed the connection before it had answered.",
    ErrorCode.DNS_FAILURE: "The receiver's host name could not be looked up.",
    ErrorCode.TLS_UNTRUSTED: "The receiver's certificate is not signed by a trusted authority.",
    ErrorCode.TLS_EXPIRED: "The receiver's certificate has expired or is not valid yet.",
    ErrorCode.TLS_HOSTNAME: "The receiver's certificate is for another host name.",
    ErrorCode.TLS_ERROR: "A secure connection to the receiver could not be agreed on.",
    ErrorCode.BLOCKED_ADDRESS: "Nothing was sent: the destination is not allowed.",
    ErrorCode.INVALID_RESPONSE: "The receiver's answer is not valid HTTP.",
    ErrorCode.WORKER_LOST: "The worker was lost while sending; the request may have arrived.",
    ErrorCode.INTERNAL_ERROR: "The attempt failed inside this service.",
}
