from django.db import models
from django.db.models import Q

from webhooks.models import App, Endpoint


class Lane(models.Model):
    """What scheduling needs of one endpoint: a claim visits only lanes that are due and have room.

    Whoever changes an endpoint's pending deliveries locks its lane first, so that a claim never reads a lane
    newer than the deliveries it picks from (see deliveries/engine/statements/postgresql.py).
    """

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, primary_key=True, related_name="lane")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_index=False)
    # The earliest moment at which a claim should look at this lane; null while nothing waits.
    wake_at = models.DateTimeField(null=True)
    # The endpoint is disabled: only test sends go out.
    held = models.BooleanField(default=False)
    # The endpoint is deleted: nothing goes out, and the sweep cancels what comes back from a worker.
    closed = models.BooleanField(default=False)
    # Deliveries leased to workers, and how many may be.
    in_flight = models.IntegerField(default=0)
    cap = models.PositiveIntegerField(default=16)
    # Grows with every claim, fan-out, finish with a retry, and change by a person.
    seq = models.BigIntegerField(default=0)
    # Token bucket: deliveries a second (none: no limit), tokens left, and when that was so.
    rate = models.FloatField(null=True)
    tokens = models.FloatField(default=0)
    tokens_at = models.DateTimeField(null=True)
    # Facts for health (webhooks/health.py) and for disabling an endpoint that only fails.
    last_success_at = models.DateTimeField(null=True)
    last_test_success_at = models.DateTimeField(null=True)
    last_exhausted_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Claim: the lanes to look at, longest waiting first.
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="lane_wake"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(in_flight__gte=0), name="lane_in_flight_not_negative"),
        ]

    def __str__(self) -> str:
        return f"lane of {self.endpoint_id}"
