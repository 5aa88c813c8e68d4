"""The base of our commands: parse, call one function, print; whatever goes wrong is one sentence and exit code 1."""

import json
import signal
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import OperationalError, ProgrammingError

from switera_webhooks.checks import refuse_incomplete_settings
from switera_webhooks.refusals import Refusal


class OneLineErrors(BaseCommand):
    """A command that says what is wrong with its arguments in one line, and how it is used when it is asked."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # Before the error argparse prints the usage, which takes up to ten lines.
        parser.print_usage = _print_nothing  # type: ignore[method-assign]
        return parser


class ServiceCommand(OneLineErrors):
    """A command whose handle() may let refusals and database errors through; they come out as CommandError."""

    # Ours are checked below, so that a missing setting is one sentence too.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            refuse_incomplete_settings()
            return super().execute(*args, **options)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        except DatabaseError as error:
            raise CommandError(_database_sentence(error)) from error

    def print_json(self, document: Mapping[str, object]) -> None:
        """The one JSON document of `--json`."""
        self.stdout.write(json.dumps(document, ensure_ascii=False))

    def warn(self, sentence: str) -> None:
        """Beside the result, on standard error."""
        self.stderr.write(self.style.WARNING(f"Warning: {sentence}"))


@contextmanager
def stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or SIGINT came, for a command that ends after the batch at hand."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_nothing(file: object = None) -> None:
    pass


def _database_sentence(error: DatabaseError) -> str:
    lines = str(error).splitlines()
    reason = lines[0] if lines else type(error).__name__
    if isinstance(error, OperationalError | ProgrammingError) and _lacks_tables(error):
        return f"The database is not migrated ({reason}): run `manage.py migrate` first."
    return f"The database did not answer as it should ({reason}): check DATABASE_URL and the server."


def _lacks_tables(error: DatabaseError) -> bool:
    # 42P01 undefined_table, 42703 undefined_column; SQLite has words only.
    return getattr(error.__cause__, "sqlstate", None) in ("42P01", "42703") or str(error).startswith(
        ("no such table", "no such column")
    )
