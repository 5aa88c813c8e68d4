import json
from argparse import ArgumentParser
from typing import Any

from events.documents.export import catalog_document
from switera_webhooks.commands import ServiceCommand
from webhooks.management.arguments import add_app_argument, app_named


class Command(ServiceCommand):
    help = "Print the app's own event types as an OpenAPI 3.1 document, in JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_app_argument(parser)
        parser.add_argument("--built-in", action="store_true", help="the built-in types too")

    def handle(self, *args: Any, app: str, built_in: bool, **options: Any) -> None:
        document = catalog_document(app_named(app), built_in=built_in)
        if options["json"]:
            self.print_json(document)
            return
        self.stdout.write(json.dumps(document, ensure_ascii=False, indent=2))
