from django.db import models
from django.db.models import Q

from deliveries.models.delivery import Delivery
from switera_webhooks.ids import Prefix, new_id, to_public_id


class AttemptStatus(models.TextChoices):
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Attempt(models.Model):
    """One HTTP request of a delivery, and what came back. Written once, by the statement that ends it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No constraint: the statement that writes an attempt updates its delivery too, and PostgreSQL's check that the row
    # is there took a fifth of it. Whoever deletes deliveries deletes their attempts first.
    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="attempts", db_index=False, db_constraint=False
    )
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=AttemptStatus)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    response_status = models.PositiveSmallIntegerField(null=True)
    # [[name, value], …] as received; null where nothing came back.
    response_headers = models.JSONField(null=True)
    response_body = models.TextField(blank=True)
    response_truncated = models.BooleanField(default=False)
    # One of deliveries.error_codes.ErrorCode, empty without a failure.
    error_code = models.CharField(max_length=20, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            # Also the list of a delivery's attempts.
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(status="succeeded", error_code="") | (Q(status="failed") & ~Q(error_code="")),
                name="attempt_failed_with_code",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}"

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.ATTEMPT, self.id)
