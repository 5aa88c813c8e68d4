"""The environment of a key, an endpoint and an event; the two never mix."""

from django.db import models


class Environment(models.TextChoices):
    LIVE = "live"
    TEST = "test"
