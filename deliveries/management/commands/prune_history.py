from dataclasses import asdict
from typing import Any

from django.conf import settings

from deliveries.retention import prune_history
from switera_webhooks.commands import ServiceCommand, stopped_by_signals


class Command(ServiceCommand):
    help = (
        "Delete events older than WEBHOOKS_RETENTION_DAYS with their deliveries and attempts, whatever their state but "
        "for those that are being sent, and replays and deleted endpoints of which nothing younger is left. Workers do "
        "the same every night. SIGTERM and Ctrl-C end it after the batch at hand; a further run goes on from there."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with stopped_by_signals() as is_stopped:
            pruned = prune_history(is_stopped)
        if options["json"]:
            self.print_json(asdict(pruned))
            return
        days = settings.WEBHOOKS_RETENTION_DAYS
        end = " There is more: run it again." if pruned.more else ""
        self.stdout.write(f"Deleted {pruned}, older than {days} day{'' if days == 1 else 's'}.{end}")
