from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from deliveries.engine_status import EngineStatus, engine_status
from switera_webhooks.commands import ServiceCommand

# {field: (its line for people, Prometheus' name, help)}
_FIGURES = {
    "undispatched_events": (
        "Events not dispatched yet",
        "switera_undispatched_events",
        "Events whose deliveries are not made yet.",
    ),
    "oldest_undispatched_seconds": (
        "Oldest of them",
        "switera_oldest_undispatched_event_age_seconds",
        "Age of the oldest event whose deliveries are not made yet, 0 without any.",
    ),
    "lanes_due": (
        "Endpoints with something due",
        "switera_lanes_due",
        "Endpoints with a delivery that is due and may go out.",
    ),
    "oldest_due_seconds": (
        "Oldest due delivery",
        "switera_oldest_due_delivery_age_seconds",
        "For how long the oldest delivery that may go out has been due, 0 without any.",
    ),
    "deliveries_in_flight": (
        "Deliveries in flight",
        "switera_deliveries_in_flight",
        "Deliveries that workers are sending.",
    ),
    "leases_expired": (
        "Of these late, to be given back",
        "switera_leases_expired",
        "Deliveries in flight whose worker is late with the outcome.",
    ),
    "breakers_open": (
        "Endpoints with an open breaker",
        "switera_breakers_open",
        "Endpoints with an open circuit breaker.",
    ),
    "breakers_half_open": (
        "Endpoints with a half-open breaker",
        "switera_breakers_half_open",
        "Endpoints with a half-open circuit breaker.",
    ),
    "endpoints_paused": (
        "Endpoints that asked for a pause",
        "switera_endpoints_paused",
        "Endpoints that asked for a pause with Retry-After.",
    ),
    "endpoints_failing": (
        "Endpoints that only fail",
        "switera_endpoints_failing",
        "Endpoints that failed at every attempt since their last success.",
    ),
}


class Command(ServiceCommand):
    help = (
        "Look at the engine as a whole: what waits and for how long, what is in flight, which endpoints are held back. "
        "Counts stop at 100,000."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        format = parser.add_mutually_exclusive_group()
        super().add_arguments(format)  # type: ignore[arg-type]  # a group takes arguments as a parser does
        format.add_argument(
            "--prometheus", action="store_true", help="print Prometheus' text format, all figures as gauges"
        )

    def handle(self, *args: Any, prometheus: bool, **options: Any) -> None:
        status = engine_status()
        if options["json"]:
            self.print_json(asdict(status))
        elif prometheus:
            self.stdout.write("\n".join(_exposition(status)))
        else:
            self.stdout.write("\n".join(_lines(status)))


def _lines(status: EngineStatus) -> list[str]:
    """Aligned for people."""
    width = max(len(label) for label, _, _ in _FIGURES.values())
    figures = {field: _shown(field, value) for field, value in asdict(status).items()}
    right = max(len(figure) for figure in figures.values())
    return [f"{_FIGURES[field][0]:<{width}}  {figure:>{right}}" for field, figure in figures.items()]


def _shown(field: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f} s" if field.endswith("_seconds") else f"{value:,}"


def _exposition(status: EngineStatus) -> list[str]:
    lines = []
    for field, value in asdict(status).items():
        _, name, help = _FIGURES[field]
        lines += [f"# HELP {name} {help}", f"# TYPE {name} gauge", f"{name} {0 if value is None else value}"]
    return lines
