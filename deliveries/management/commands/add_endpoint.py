from argparse import ArgumentParser
from typing import Any

from deliveries.endpoint_facts import with_facts
from deliveries.endpoints import EndpointFields, create_endpoint
from switera_webhooks.commands import ServiceCommand
from webhooks.api.endpoint_serializers import EndpointSerializer
from webhooks.audit import Actor
from webhooks.management.arguments import add_app_argument, add_environment_argument, app_named
from webhooks.models import Endpoint


class Command(ServiceCommand):
    help = "Add an endpoint to an app. Its secret, which its receiver verifies messages with, is printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_app_argument(parser)
        parser.add_argument("url", metavar="URL", help="where webhook messages go, https://…")
        parser.add_argument(
            "--events",
            metavar="a.b,c.*",
            default="*",
            help="the event types it is subscribed to, comma-separated: names, families (order.*) or * (all)",
        )
        add_environment_argument(parser, "whose events it gets (live)")

    def handle(self, *args: Any, app: str, url: str, events: str, environment: str, **options: Any) -> None:
        fields = EndpointFields(url=url, event_types=[name.strip() for name in events.split(",")])
        created = create_endpoint(app_named(app), environment, fields, Actor.of_command("add_endpoint"))
        if created.warning:
            self.warn(created.warning)
        if options["json"]:
            endpoint = with_facts(Endpoint.objects.filter(pk=created.endpoint.pk)).get()
            self.print_json({**EndpointSerializer().to_representation(endpoint), "secret": created.secret})
            return
        endpoint = created.endpoint
        self.stdout.write(
            f"Added the {endpoint.environment} endpoint {endpoint.public_id} at {endpoint.url} "
            f"for {', '.join(endpoint.event_types)}."
        )
        self.stdout.write(f"Secret: {created.secret}")
