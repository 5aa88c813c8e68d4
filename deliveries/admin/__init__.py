"""Deliveries, attempts, lanes, replays and deletions of apps, for operators.

The tallies are not here: the dashboard and an app's Overview read them, and a row of one says nothing by itself.
"""

from deliveries.admin import app_deletions, attempts, deliveries, lanes, replays  # noqa: F401  (each registers its models)
