from argparse import ArgumentParser
from typing import Any

from switera_webhooks.commands import ServiceCommand
from switera_webhooks.times import iso
from webhooks.api_keys import create_api_key
from webhooks.audit import Actor
from webhooks.management.arguments import add_app_argument, add_environment_argument, app_named


class Command(ServiceCommand):
    help = "Create an API key. It is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_app_argument(parser)
        add_environment_argument(parser, "what the key creates and sees (live)")

    def handle(self, *args: Any, app: str, environment: str, **options: Any) -> None:
        key, text = create_api_key(app_named(app), environment, Actor.of_command("create_api_key"))
        if options["json"]:
            self.print_json(
                {
                    "id": key.public_id,
                    "key": text,
                    "app_id": key.app.public_id,
                    "environment": key.environment,
                    "created_at": iso(key.created_at),
                }
            )
            return
        self.stdout.write(f"Created the {key.environment} key {key.public_id} of {key.app.name}: {text}")
        self.stdout.write("Keep it: it cannot be shown again.")
