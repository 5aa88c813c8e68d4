"""A receiver of webhook messages for development: verifies each with the standard's own library, and says so.

It stands for a customer's server, so it shares no code with the sender.
"""

import datetime as dt
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

# A message holds 16 MiB at most (WEBHOOKS_MAX_PAYLOAD_BYTES).
MAX_BODY_BYTES = 17 * 1024 * 1024
SHOWN_CHARACTERS = 120
IDLE_SECONDS = 60

NO_SECRET = "not verified: no --secret given"  # noqa: S105 (a sentence)


class InvalidSecret(ValueError):
    """The text is no endpoint secret."""


class Receiver(ThreadingHTTPServer):
    """Listens on 127.0.0.1, calls `say` with one line for each message, a JSON object where asked for.

    Answers 204 to a message that is verified, or where there is no secret to verify it with; 400 with the
    reason to any other. Raises InvalidSecret, and OSError where the port is taken.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, secret: str | None, say: Callable[[str], None], *, as_json: bool = False) -> None:
        self.webhook = _webhook(secret)
        self.say = say
        self.as_json = as_json
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is the client's affair; the next one is served all the same."""


def _webhook(secret: str | None) -> Webhook | None:
    if secret is None:
        return None
    if not secret.startswith("whsec_"):
        raise InvalidSecret("An endpoint secret starts with whsec_.")
    try:
        return Webhook(secret)
    except Exception as error:
        raise InvalidSecret("This is no endpoint secret: whsec_ is followed by base64.") from error


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    server_version = "Switera-sample-receiver"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            return
        problem = self._problem(body)
        self.server.say(self._document(body, problem) if self.server.as_json else self._line(body, problem))
        if problem in (None, NO_SECRET):
            self.send_response(204)
            self.end_headers()
        else:
            self._refuse(400, f"NOT VERIFIED: {problem}")

    def do_GET(self) -> None:
        self._refuse(405, "Send webhook messages here, with POST.")

    def _read_body(self) -> bytes | None:
        """The body; None after an answer that refuses it. What is not read ends the connection."""
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            self._refuse(411, "Send a Content-Length.", close=True)
            return None
        if len(length) > 10 or int(length) > MAX_BODY_BYTES:
            self._refuse(413, f"A message holds {MAX_BODY_BYTES} bytes at most.", close=True)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _problem(self, body: bytes) -> str | None:
        """Why the message is not verified; None where it is."""
        if self.server.webhook is None:
            return NO_SECRET
        try:
            self.server.webhook.verify(body, dict(self.headers.items()), json_parse=False)
        except WebhookVerificationError as error:
            return str(error)
        except ValueError:  # the library's answer to a header or a body that is malformed
            return "Malformed signature or body"
        return None

    def _line(self, body: bytes, problem: str | None) -> str:
        verdict = {None: "verified", NO_SECRET: NO_SECRET}.get(problem, f"NOT VERIFIED: {problem}")
        parts = [
            dt.datetime.now().astimezone().strftime("%H:%M:%S"),
            self.headers.get("switera-event-type", "(no type)"),
            self.headers.get("webhook-id", "(no id)"),
            self.headers.get("switera-delivery-id", "(no delivery id)"),
            f"attempt {self.headers.get('switera-attempt', '?')}",
            verdict,
            _shown_data(body),
        ]
        return "  ".join(_printable(part) for part in parts)

    def _document(self, body: bytes, problem: str | None) -> str:
        return json.dumps(
            {
                "received_at": dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z"),
                "id": self.headers.get("webhook-id"),
                "type": self.headers.get("switera-event-type"),
                "delivery_id": self.headers.get("switera-delivery-id"),
                "attempt": self.headers.get("switera-attempt"),
                "verified": problem is None,
                "problem": problem,
                "body": body.decode(errors="replace"),
            }
        )

    def _refuse(self, status: int, reason: str, *, close: bool = False) -> None:
        body = reason.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: one line a message is printed by do_POST."""


def _shown_data(body: bytes) -> str:
    """The message's data in short; the body as it is where that cannot be read."""
    try:
        data = json.dumps(json.loads(body)["data"], ensure_ascii=False)
    except (ValueError, LookupError, TypeError, RecursionError):
        data = body[: SHOWN_CHARACTERS + 1].decode(errors="replace")
    return data if len(data) <= SHOWN_CHARACTERS else data[: SHOWN_CHARACTERS - 1] + "…"


def _printable(text: str) -> str:
    """Text that cannot move the terminal's cursor or break the line."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
