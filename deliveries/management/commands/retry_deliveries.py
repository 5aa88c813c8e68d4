import datetime as dt
import uuid
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from deliveries.api.replay_serializers import ReplaySerializer
from deliveries.delivery_filter import DeliveryFilter
from deliveries.error_codes import ErrorCode
from deliveries.models import ReplayKind
from deliveries.replays import start_replay
from switera_webhooks.api.fields import TIME_EXPECTED, parse_time
from switera_webhooks.commands import ServiceCommand
from switera_webhooks.ids import Prefix, from_public_id
from webhooks.audit import Actor
from webhooks.management.arguments import add_app_argument, add_environment_argument, app_named

_STATES = [kind.value for kind in ReplayKind if not kind.walks_events]


class Command(ServiceCommand):
    help = (
        "Try many deliveries of an app again: those that failed and match all filters, oldest first. Starts a job that "
        "workers, or deliver_due, do; the same one started while it runs is the same job."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_app_argument(parser)
        parser.add_argument("--endpoint", metavar="ID", help="of this endpoint alone")
        parser.add_argument(
            "--status", choices=_STATES, default=ReplayKind.FAILED.value, help="those in this state (failed)"
        )
        parser.add_argument("--type", metavar="TYPE", help="of this event type, such as order.paid")
        parser.add_argument("--error-code", choices=[code.value for code in ErrorCode], help="of the last attempt")
        parser.add_argument("--response-status", type=int, metavar="N", help="HTTP status of the last attempt")
        parser.add_argument("--after", type=_time, metavar="TIME", help="created after this time, in ISO 8601")
        parser.add_argument("--before", type=_time, metavar="TIME", help="created before this time (now)")
        add_environment_argument(parser, "whose deliveries (live)")

    def handle(self, *args: Any, app: str, environment: str, **options: Any) -> None:
        found = app_named(app)
        kind = ReplayKind(options["status"])
        filters = DeliveryFilter(
            endpoint_id=None if options["endpoint"] is None else _endpoint_id(options["endpoint"]),
            event_type=options["type"],
            error_code=options["error_code"],
            response_status=options["response_status"],
            after=options["after"],
            before=options["before"],
        )
        replay = start_replay(found, environment, kind, filters, Actor.of_command("retry_deliveries"))
        if options["json"]:
            self.print_json(ReplaySerializer().to_representation(replay))
            return
        deliveries = "1 delivery" if replay.count == 1 else f"{replay.count:,} deliveries"
        self.stdout.write(f"{replay.public_id} tries {deliveries} again ({replay.progress:,} so far).")


def _endpoint_id(text: str) -> uuid.UUID:
    key = from_public_id(Prefix.ENDPOINT, text)
    if key is None:
        raise CommandError(f"{text!r} is no endpoint's id: give one that starts with ep_.")
    return key


def _time(text: str) -> dt.datetime:
    moment = parse_time(text)
    if moment is None:
        raise ArgumentTypeError(f"{text!r} is no time. {TIME_EXPECTED}")
    return moment
