from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from deliveries.receiver_check import Probe, Verdict, check_receiver
from switera_webhooks.commands import ServiceCommand
from switera_webhooks.ids import Prefix, from_public_id
from webhooks.audit import Actor
from webhooks.models import Endpoint


class Command(ServiceCommand):
    help = (
        "Find out whether a receiver verifies: send it a signed webhook.test, which it should accept, and others that "
        "are forged, changed or too old, which it must refuse with a 4xx. None of them is a delivery. Exit code 1 "
        "where it accepted a bad one or refused the good one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("endpoint", metavar="ENDPOINT", help="the endpoint's id, ep_…")

    def handle(self, *args: Any, endpoint: str, **options: Any) -> None:
        found = _endpoint(endpoint)
        probes = check_receiver(found, Actor.of_command("check_receiver"))
        problem = _problem(probes)
        if options["json"]:
            self.print_json(
                {
                    "endpoint_id": found.public_id,
                    "url": found.url,
                    "verifies": not problem,
                    "probes": [
                        {
                            "name": probe.name,
                            "expected": _expected(probe),
                            "status": probe.status,
                            "error": probe.error,
                            "verdict": probe.verdict.value,
                        }
                        for probe in probes
                    ],
                }
            )
        else:
            self._write_table(found, probes)
        if problem:
            raise CommandError(problem)
        if not options["json"]:
            self.stdout.write("The receiver verifies what it gets.")

    def _write_table(self, endpoint: Endpoint, probes: list[Probe]) -> None:
        self.stdout.write(f"{endpoint.public_id} at {endpoint.url}")
        rows = [("message", "should be", "answer", "")]
        rows += [(probe.name, _expected(probe), _answer(probe), probe.verdict.value) for probe in probes]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
            self.stdout.write("  ".join([*cells, row[3]]).rstrip())
        if any(probe.verdict is Verdict.UNCLEAR for probe in probes):
            self.stdout.write("unclear: refused, but a 4xx would say why, and that nothing is wrong with the receiver.")


def _endpoint(public_id: str) -> Endpoint:
    key = from_public_id(Prefix.ENDPOINT, public_id)
    endpoints = Endpoint.objects.select_related("app").filter(deleted_at=None, app__deleting_since=None)
    found = endpoints.filter(pk=key).first() if key is not None else None
    if found is None:
        raise CommandError(f"There is no endpoint with the id {public_id!r}.")
    return found


def _expected(probe: Probe) -> str:
    return "2xx" if probe.should_accept else "4xx"


def _answer(probe: Probe) -> str:
    return str(probe.status) if probe.status is not None else probe.error


def _problem(probes: list[Probe]) -> str:
    accepted = [probe.name for probe in probes if not probe.should_accept and probe.verdict is Verdict.BAD]
    if not all(probe.verdict is Verdict.GOOD for probe in probes if probe.should_accept):
        return "The receiver did not accept the message that is signed as it should be: check its secret and its URL."
    if accepted:
        return f"The receiver does not verify: it accepted {len(accepted)} of the {len(probes) - 1} bad messages."
    return ""
