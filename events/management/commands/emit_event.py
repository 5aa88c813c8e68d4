import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from events.api.serializers import EventSerializer
from events.emit import emit
from switera_webhooks.api.errors import MalformedBody
from switera_webhooks.api.parsing import parse_json
from switera_webhooks.commands import ServiceCommand
from webhooks.management.arguments import add_app_argument, add_environment_argument, app_named


class Command(ServiceCommand):
    help = "Emit an event of one of the app's own types."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_app_argument(parser)
        parser.add_argument("type", metavar="TYPE", help="the event's type, such as order.paid")
        parser.add_argument(
            "--data",
            metavar="JSON|@FILE|-",
            default="{}",
            help="the event's data: a JSON object, a file that holds one, or - for standard input ({})",
        )
        add_environment_argument(parser, "whose endpoints get it (live)")

    def handle(self, *args: Any, app: str, type: str, data: str, environment: str, **options: Any) -> None:
        found = app_named(app)
        event = emit(found, type, _data(data), environment=environment, builders_only=True)
        if options["json"]:
            self.print_json(EventSerializer().to_representation(event))
            return
        self.stdout.write(f"Emitted {event.type} {event.public_id} in the {event.environment} environment.")


def _data(given: str) -> object:
    """What --data says. Raises CommandError."""
    try:
        if given == "-":
            text = sys.stdin.buffer.read()
        elif given.startswith("@"):
            text = Path(given[1:]).read_bytes()
        else:
            text = given.encode(errors="surrogateescape")
        value = parse_json(text)
    except OSError as error:
        raise CommandError(f"The file {given[1:]} cannot be read ({error.strerror}).") from error
    except MalformedBody as error:
        raise CommandError(f"--data is not valid JSON: {error.problem}") from error
    if not isinstance(value, dict):
        raise CommandError('--data must be a JSON object, such as {"order_id": "1042"}.')
    return value
