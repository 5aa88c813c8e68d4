"""Apps and what they own, for operators."""

from webhooks.admin import apps, audit, endpoints, keys, members, organizations  # noqa: F401  (each registers its models)
