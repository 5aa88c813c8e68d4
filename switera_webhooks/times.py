"""Times as the product writes them: ISO 8601, UTC, `Z`."""

import datetime as dt


def iso(moment: dt.datetime) -> str:
    """`2026-11-23T18:40:14.123456Z`, of any aware time; the fraction only where there is one."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
