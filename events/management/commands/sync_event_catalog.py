from dataclasses import asdict
from typing import Any

from events.event_types import sync_event_catalog
from switera_webhooks.commands import ServiceCommand


class Command(ServiceCommand):
    help = "Bring the built-in event types of the database in line with the code. Safe to run at every deploy."

    def handle(self, *args: Any, **options: Any) -> None:
        counts = sync_event_catalog()
        if options["json"]:
            self.print_json(asdict(counts))
            return
        self.stdout.write(
            f"Built-in event types: {counts.created} created, {counts.updated} updated, {counts.deprecated} deprecated."
        )
