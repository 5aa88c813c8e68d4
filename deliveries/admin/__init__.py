"""Deliveries, attempts, lanes and replays, for operators.

The tallies are not here: the dashboard and an app's Overview read them, and a row of one says nothing by itself.
"""

from deliveries.admin import attempts, deliveries, lanes, replays  # noqa: F401  (each registers its models)
