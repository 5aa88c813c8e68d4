import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from events.documents.importing import import_catalog
from switera_webhooks.api.errors import MalformedBody
from switera_webhooks.api.parsing import parse_json
from switera_webhooks.commands import ServiceCommand
from webhooks.audit import Actor
from webhooks.management.arguments import add_app_argument, app_named


class Command(ServiceCommand):
    help = "Create and change the app's own event types as an OpenAPI 3.1 document has them, all or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_app_argument(parser)
        parser.add_argument("file", metavar="FILE|-", help="the document in JSON, or - for standard input")

    def handle(self, *args: Any, app: str, file: str, **options: Any) -> None:
        found = app_named(app)
        plan = import_catalog(found, _document(file), Actor.of_command("import_event_catalog"))
        if options["json"]:
            self.print_json(plan.names)
            return
        counts = ", ".join(f"{len(names)} {outcome.replace('_', ' ')}" for outcome, names in plan.names.items())
        self.stdout.write(f"Event types of {found.name}: {counts}.")


def _document(file: str) -> object:
    """Raises CommandError."""
    try:
        return parse_json(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    except OSError as error:
        raise CommandError(f"The file {file} cannot be read ({error.strerror}).") from error
    except MalformedBody as error:
        raise CommandError(f"The document is not valid JSON: {error.problem}") from error
