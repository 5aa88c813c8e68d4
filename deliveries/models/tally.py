"""Counts of real traffic (no test sends), so that pages never count history; deliveries/tally.py fills them.

A row is one bucket of time of one thing. Most of it is settled and has slice 0; what is too new for that stands beside
it in rows of ten seconds each (`slice` is when one begins, in seconds since 1970), so whoever reads adds rows up.

How many rows, for an app with 20 event types and 50 endpoints in each environment, all of them busy around the clock:

    AppTally        48 a day                                            720 in 15 days
    EventTypeTally  48 a day and type, 20 types                      14,400 in 15 days
    EndpointTally   24 a day and endpoint, 50 endpoints               2,400 in 2 days
    FailureTally    24 a day, endpoint and cause; all 50 failing
                    for 3 causes                                      7,200 in 2 days

and at most 36 slices of each thing while it is busy. No number depends on how many deliveries there are, and none is
larger than the number of attempts. A row is 100 to 200 bytes, of AppTally 500.
"""

from collections import Counter
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from switera_webhooks.environments import Environment
from webhooks.models import App, Endpoint


class Tally(models.Model):
    """One bucket, which `add` adds another of the same thing to. An instance that is not saved counts in memory."""

    # What tells rows of one bucket apart, and the numbers that are added up.
    KEY: ClassVar[tuple[str, ...]]
    COUNTS: ClassVar[tuple[str, ...]]

    id = models.BigAutoField(primary_key=True)
    start = models.DateTimeField()
    slice = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.model_name} {self.key} from {self.start:%Y-%m-%d %H:%M}"

    @property
    def key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.KEY)

    def add(self, other: Self) -> None:
        for name in self.COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class AppTally(Tally):
    """Half an hour of an app and environment."""

    KEY = ("app_id", "environment")
    COUNTS = ("events", "deliveries", "succeeded", "failed", "exhausted")

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_index=False)
    environment = models.CharField(max_length=8, choices=Environment)
    events = models.PositiveBigIntegerField(default=0)
    deliveries = models.PositiveBigIntegerField(default=0)
    # Attempts; `exhausted` are those of the failed ones after which their delivery had failed for good.
    succeeded = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    exhausted = models.PositiveBigIntegerField(default=0)
    # {"response status:error code": attempts}, either may be empty.
    outcomes = models.JSONField(default=dict)
    # {class of response times: attempts} (deliveries/response_times.py).
    response_times = models.JSONField(default=dict)

    class Meta:
        constraints = [
            # Also the look-up of an app's buckets by time.
            models.UniqueConstraint(fields=["app", "start", "environment", "slice"], name="app_tally_once"),
        ]
        indexes = [
            # Settling removes slices.
            models.Index(fields=["slice"], condition=Q(slice__gt=0), name="app_tally_slice"),
        ]

    def add(self, other: Self) -> None:
        super().add(other)
        self.outcomes = dict(Counter(self.outcomes) + Counter(other.outcomes))
        self.response_times = dict(Counter(self.response_times) + Counter(other.response_times))


class EventTypeTally(Tally):
    """Half an hour of an event type in an app and environment. The same half hours, so that shares add up."""

    KEY = ("app_id", "environment", "event_type")
    COUNTS = ("events", "deliveries", "succeeded", "failed")

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_index=False)
    environment = models.CharField(max_length=8, choices=Environment)
    event_type = models.CharField(max_length=128)
    events = models.PositiveBigIntegerField(default=0)
    deliveries = models.PositiveBigIntegerField(default=0)
    succeeded = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            # Also the look-up of an app's buckets by time.
            models.UniqueConstraint(
                fields=["app", "start", "environment", "event_type", "slice"], name="event_type_tally_once"
            ),
        ]
        indexes = [
            models.Index(fields=["slice"], condition=Q(slice__gt=0), name="event_type_tally_slice"),
        ]


class EndpointTally(Tally):
    """An hour of an endpoint."""

    KEY = ("endpoint_id",)
    COUNTS = ("deliveries", "succeeded", "failed")

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="+", db_index=False)
    deliveries = models.PositiveBigIntegerField(default=0)
    succeeded = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            # Also the look-up of an endpoint's buckets by time.
            models.UniqueConstraint(fields=["endpoint", "start", "slice"], name="endpoint_tally_once"),
        ]
        indexes = [
            models.Index(fields=["slice"], condition=Q(slice__gt=0), name="endpoint_tally_slice"),
        ]


class FailureTally(Tally):
    """An hour of an endpoint's attempts that failed for one cause."""

    KEY = ("endpoint_id", "response_status", "error_code")
    COUNTS = ("attempts",)

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_index=False)
    environment = models.CharField(max_length=8, choices=Environment)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="+", db_index=False)
    # 0 for none: null would be no equal of null.
    response_status = models.PositiveSmallIntegerField()
    error_code = models.CharField(max_length=20)
    attempts = models.PositiveBigIntegerField(default=0)
    # Ids of attempts, which tell the moment too. No constraint: retention deletes attempts and not these.
    first_attempt = models.UUIDField()
    last_attempt = models.UUIDField()

    class Meta:
        constraints = [
            # Also the look-up of an endpoint's failures.
            models.UniqueConstraint(
                fields=["endpoint", "start", "response_status", "error_code", "slice"], name="failure_tally_once"
            ),
        ]
        indexes = [
            # An app's latest failures.
            models.Index(fields=["app", "environment", "start"], name="failure_tally_of_app"),
            models.Index(fields=["slice"], condition=Q(slice__gt=0), name="failure_tally_slice"),
        ]

    def add(self, other: Self) -> None:
        super().add(other)
        self.first_attempt = min(self.first_attempt, other.first_attempt)
        self.last_attempt = max(self.last_attempt, other.last_attempt)


class TallyProgress(models.Model):
    """How far counting has come: one row, by which one runner's write wins and another's is thrown away."""

    KEY: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True)
    # All before is in settled rows, and not looked at again.
    settled_until = models.DateTimeField()
    # All before is counted; from `settled_until` on in slices.
    counted_until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "tally progress"
        constraints = [
            models.CheckConstraint(
                condition=Q(counted_until__gte=models.F("settled_until")), name="tally_counted_before_settled"
            ),
        ]

    def __str__(self) -> str:
        return f"counted until {self.counted_until:%Y-%m-%d %H:%M:%S}"
