import signal
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from deliveries.receiver import InvalidSecret, Receiver
from switera_webhooks.commands import OneLineErrors


class Command(OneLineErrors):
    help = (
        "Receive webhook messages on 127.0.0.1, verify each with the endpoint's secret, and print it "
        "in a line. Answers 204 to a message that is verified, 400 to one that is not. Ctrl-C ends it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=_port, default=8001, help="the port to listen on (8001)")
        parser.add_argument(
            "--secret",
            help="the endpoint's secret, whsec_…; - reads it from standard input, where no process list "
            "shows it; without one nothing is verified",
        )

        parser.add_argument("--json", action="store_true", help="print a JSON object a line for each message")

    def handle(self, *args: Any, port: int, secret: str | None, **options: Any) -> None:
        if secret == "-":  # noqa: S105 (not a secret, but where it is)
            secret = sys.stdin.readline().strip()
        try:
            receiver = Receiver(port, secret, self._say, as_json=options["json"])
        except InvalidSecret as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be listened on ({error.strerror}): choose another one with --port."
            ) from error
        with receiver:
            signal.signal(signal.SIGTERM, _interrupt)
            try:
                receiver.serve_forever()
            except KeyboardInterrupt:
                pass

    def _say(self, line: str) -> None:
        with _saying:
            self.stdout.write(line)
            self.stdout.flush()


_saying = threading.Lock()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise ArgumentTypeError("give a number from 1 to 65535")
    return int(text)
