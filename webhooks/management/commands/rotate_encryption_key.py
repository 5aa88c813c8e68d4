from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from switera_webhooks.commands import ServiceCommand, stopped_by_signals
from webhooks.encryption_rotation import Rotated, rotate_encryption_key


class Command(ServiceCommand):
    help = (
        "Encrypt all endpoint secrets and values of custom headers with the first of WEBHOOKS_ENCRYPTION_KEYS, while "
        "the service runs. Afterwards the other keys are not needed any more. Safe to repeat; SIGTERM and Ctrl-C end "
        "it after the batch at hand. Exit code 1 where a value is under none of the keys, or there is more to do."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with stopped_by_signals() as is_stopped:
            rotated = rotate_encryption_key(is_stopped)
        if options["json"]:
            self.print_json(asdict(rotated))
        else:
            self.stdout.write(
                f"Encrypted {_counted(rotated.secrets, 'secret')} and {_counted(rotated.headers, 'header value')} with "
                f"the first key; {rotated.already:,} were already."
            )
        if problem := _problem(rotated):
            raise CommandError(problem)
        if not options["json"]:
            self.stdout.write("Nothing needs the other keys any more: take them out of WEBHOOKS_ENCRYPTION_KEYS.")


def _problem(rotated: Rotated) -> str:
    if rotated.unreadable:
        return (
            f"{_counted(rotated.unreadable, 'value')} cannot be decrypted: the key that encrypted them is missing from "
            "WEBHOOKS_ENCRYPTION_KEYS. Add it behind the others, and run this again."
        )
    return "Stopped before the end: run it again before you take an old key away." if rotated.more else ""


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
