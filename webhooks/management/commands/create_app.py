from argparse import ArgumentParser
from typing import Any

from switera_webhooks.commands import ServiceCommand
from switera_webhooks.times import iso
from webhooks.app_setup import create_app
from webhooks.audit import Actor
from webhooks.management.arguments import user_with_email


class Command(ServiceCommand):
    help = "Create an app with its first live and test key. The keys are shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="the app's name, as people see it")
        parser.add_argument("--slug", help="its name in addresses; made from NAME where none is given")
        parser.add_argument(
            "--owner",
            metavar="EMAIL",
            help="an existing user (`manage.py createsuperuser` makes the first) who will own it",
        )

    def handle(self, *args: Any, name: str, slug: str | None, owner: str | None, **options: Any) -> None:
        user = None if owner is None else user_with_email(owner)
        created = create_app(name, slug=slug, owner=user, actor=Actor.of_command("create_app"))
        app = created.app
        if options["json"]:
            shape = {
                "id": app.public_id,
                "name": app.name,
                "slug": app.slug,
                "created_at": iso(app.created_at),
            }
            self.print_json({"app": shape, "keys": {"live": created.live_key, "test": created.test_key}})
            return
        self.stdout.write(f"Created the app {app.name}: {app.public_id}, slug {app.slug}")
        self.stdout.write(f"Live key: {created.live_key}")
        self.stdout.write(f"Test key: {created.test_key}")
        self.stdout.write("Keep the keys: they cannot be shown again.")
