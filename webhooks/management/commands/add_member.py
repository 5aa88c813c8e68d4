from argparse import ArgumentParser
from typing import Any

from switera_webhooks.commands import ServiceCommand
from webhooks.audit import Actor
from webhooks.management.arguments import add_app_argument, app_named, user_with_email
from webhooks.members import add_member
from webhooks.models import Role


class Command(ServiceCommand):
    help = "Let an existing user operate an app."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_app_argument(parser)
        parser.add_argument("email", metavar="EMAIL", help="the user's e-mail address")
        parser.add_argument(
            "--role",
            choices=Role.values,
            default=Role.DEVELOPER.value,
            help="owner: everything; developer: all but members and the app itself (the default); viewer: look only",
        )

    def handle(self, *args: Any, app: str, email: str, role: str, **options: Any) -> None:
        membership = add_member(app_named(app), user_with_email(email), role, Actor.of_command("add_member"))
        if options["json"]:
            self.print_json(
                {
                    "app_id": membership.app.public_id,
                    "username": membership.user.get_username(),
                    "email": membership.user.email,
                    "role": membership.role,
                }
            )
            return
        self.stdout.write(f"{membership.user.get_username()} is now {membership.role} of {membership.app.name}.")
