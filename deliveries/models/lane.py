import datetime as dt

from django.db import models
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.db.models.functions import Coalesce, Greatest, Least, NullIf
from django.utils import timezone

from deliveries.models.delivery import Delivery, DeliveryStatus, Turn
from webhooks.models import App, Endpoint

# An endpoint starts with so many deliveries in flight, and finds its own number between these bounds.
CAP_AT_FIRST = 16
CAP_AT_LEAST = 1
CAP_AT_MOST = 256

_NEVER = Value(dt.datetime(9999, 12, 31, tzinfo=dt.UTC), DateTimeField())
_LONG_AGO = Value(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), DateTimeField())


def _no_earlier(start: models.Expression, *until: str) -> Greatest:
    return Greatest(start, *(Coalesce(F(name), _LONG_AGO) for name in until))


def _unless(condition: Q, moment: models.Expression) -> Case:
    return Case(When(condition, then=_NEVER), default=moment)


_NO_ROOM = Q(closed=True) | Q(in_flight__gte=F("cap"))
_URGENT = Coalesce(F("urgent_from"), _NEVER)
_FRESH = _unless(Q(held=True), _no_earlier(Coalesce(F("fresh_from"), _NEVER), "open_until", "paused_until"))
_RETRY = _no_earlier(Coalesce(F("retry_from"), _NEVER), "open_until", "paused_until", "paced_until", "claimed_at")


_FROM = {Turn.URGENT: "urgent_from", Turn.FRESH: "fresh_from", Turn.RETRY: "retry_from"}


class BreakerState(models.TextChoices):
    """`open`: nothing but what is urgent goes out. `half_open`: one delivery finds out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open", "Half-open"


class LaneQuerySet(models.QuerySet["Lane"]):
    def wait_from(self, turn: int, due_at: dt.datetime) -> None:
        """Deliveries of that turn wait on these lanes, none earlier than `due_at`. The caller holds their locks."""
        name, earliest = _FROM[Turn(turn)], Value(due_at)
        self.update(**{name: Least(Coalesce(F(name), earliest), earliest), "seq": F("seq") + 1})


class Lane(models.Model):
    """What scheduling needs of one endpoint: a claim visits only lanes that are due and have room.

    Whoever takes, changes or deletes a pending delivery has locked its lane before. Where deliveries become pending the
    lane may come after them, in the same transaction: a fan-out inserts them first, a finish first changes those that
    were being sent. Either way the lane's `seq` grows with it, and a claim takes nothing from a lane that changed under
    it (see deliveries/engine/statements/postgresql_claim.py).
    """

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, primary_key=True, related_name="lane")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+", db_index=False)
    # Grows with every claim, fan-out and finish with a retry, and with what a person or retention does to what waits.
    seq = models.BigIntegerField(default=0)

    # The earliest due time of what waits, by its turn (Delivery.turn); null while nothing does. Never later than the
    # truth: a claim reads the index from here on, past what dead entries a long-lived snapshot keeps before it.
    urgent_from = models.DateTimeField(null=True)
    fresh_from = models.DateTimeField(null=True)
    retry_from = models.DateTimeField(null=True)

    # The endpoint is disabled: only test sends go out.
    held = models.BooleanField(default=False)
    # The endpoint is deleted: nothing goes out, and the sweep cancels what comes back from a worker.
    closed = models.BooleanField(default=False)

    # Deliveries leased to workers, and how many may be. The cap grows while the endpoint answers as fast as ever
    # and the last claim was `limited` by it, and shrinks when the endpoint is slow (deliveries/engine/lane_rules.py).
    in_flight = models.IntegerField(default=0)
    cap = models.PositiveIntegerField(default=CAP_AT_FIRST)
    limited = models.BooleanField(default=False)
    # The response time that the endpoint has shown it can keep, in milliseconds.
    usual_ms = models.FloatField(null=True)
    # The last claim: lanes take turns.
    claimed_at = models.DateTimeField(null=True)

    # Token bucket: deliveries a second (none: no limit), tokens left, when that was so, and when the next one is there.
    rate = models.FloatField(null=True)
    tokens = models.FloatField(default=0)
    tokens_at = models.DateTimeField(null=True)
    paced_until = models.DateTimeField(null=True)

    # Circuit breaker: closed while `open_until` is null; half-open from then on, for one delivery at a time.
    open_until = models.DateTimeField(null=True)
    probing = models.BooleanField(default=False)
    opened_count = models.PositiveSmallIntegerField(default=0)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    window_from = models.DateTimeField(null=True)
    window_attempts = models.PositiveIntegerField(default=0)
    window_failures = models.PositiveIntegerField(default=0)
    # Attempts that began before do not count here: the breaker opened after they did, or a person has seen to the
    # endpoint since. While the breaker is `probing`, when the one delivery was let out, by which that one is known.
    judged_from = models.DateTimeField(null=True)
    # When the endpoint got the URL that it has, if it had another: attempts that began before say nothing of it.
    url_since = models.DateTimeField(null=True)
    # The receiver asked for a pause (429, 502, 503 or 504 with Retry-After).
    paused_until = models.DateTimeField(null=True)

    # Facts for health (webhooks/health.py) and for disabling an endpoint that only fails.
    last_success_at = models.DateTimeField(null=True)
    last_test_success_at = models.DateTimeField(null=True)
    last_exhausted_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    # Since when nothing real has succeeded, whatever test sends and people did meanwhile; deliveries of `webhook`
    # events count for neither. The next success ends it, and may have to be told (deliveries/engine/recording.py).
    down_since = models.DateTimeField(null=True)

    # When a claim should look here next, for first attempts and what is urgent, and for retries; null for never.
    # The database computes them, so that no statement can forget to.
    first_wake_at = models.GeneratedField(
        expression=NullIf(
            _unless(_NO_ROOM, _no_earlier(Least(_URGENT, _FRESH), "paced_until", "claimed_at")),
            _NEVER,
        ),
        output_field=DateTimeField(),
        db_persist=True,
    )
    retry_wake_at = models.GeneratedField(
        expression=NullIf(_unless(_NO_ROOM | Q(held=True), _RETRY), _NEVER),
        output_field=DateTimeField(),
        db_persist=True,
    )

    objects = LaneQuerySet.as_manager()

    class Meta:
        indexes = [
            # Claim: the lanes to look at, longest waiting first.
            models.Index(fields=["first_wake_at"], condition=Q(first_wake_at__isnull=False), name="lane_first_wake"),
            models.Index(fields=["retry_wake_at"], condition=Q(retry_wake_at__isnull=False), name="lane_retry_wake"),
            # Claim with more lanes due than it takes: a turn for each app.
            models.Index(
                fields=["app", "first_wake_at"], condition=Q(first_wake_at__isnull=False), name="lane_wake_of_app"
            ),
            # Sweep: what waits on the lanes of deleted endpoints.
            models.Index(
                fields=["endpoint"],
                condition=Q(closed=True)
                & (Q(urgent_from__isnull=False) | Q(fresh_from__isnull=False) | Q(retry_from__isnull=False)),
                name="lane_closed_waiting",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(in_flight__gte=0), name="lane_in_flight_not_negative"),
        ]

    def __str__(self) -> str:
        return f"lane of {self.endpoint_id}"

    def wait_from(self, turn: int, due_at: dt.datetime) -> None:
        """A delivery of that turn waits from `due_at`. The caller holds the lane's lock; this saves it."""
        name = _FROM[Turn(turn)]
        earliest: dt.datetime | None = getattr(self, name)
        setattr(self, name, due_at if earliest is None else min(earliest, due_at))
        self.seq += 1
        self.save(update_fields=[name, "seq"])

    def find_waiting(self) -> None:
        """Read from the deliveries themselves from when they wait. The caller holds the lane's lock, and saves it."""
        pending = Delivery.objects.filter(endpoint=self.pk, status=DeliveryStatus.PENDING)
        for turn, name in _FROM.items():
            setattr(self, name, pending.filter(turn=turn).order_by("due_at").values_list("due_at", flat=True).first())

    def start_anew(self, now: dt.datetime) -> None:
        """Forget what the endpoint was like, since a person has seen to it. The caller saves the lane."""
        self.cap = min(self.cap, CAP_AT_FIRST)
        self.open_until = self.paused_until = self.window_from = self.usual_ms = self.failing_since = None
        self.probing = False
        self.opened_count = self.failures_in_a_row = 0
        self.judged_from = now

    def start_at_another_url(self, now: dt.datetime) -> None:
        """Know nothing of the endpoint: it has another URL from `now` on, the database's. The caller saves the lane."""
        self.start_anew(now)
        self.cap, self.limited = CAP_AT_FIRST, False
        self.url_since = now
        self.seq += 1  # a claim that does not see the URL yet takes nothing

    @property
    def breaker(self) -> BreakerState:
        """How the endpoint's circuit breaker stands now."""
        if self.open_until is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self.probing or self.open_until <= timezone.now() else BreakerState.OPEN

    @property
    def paused(self) -> bool:
        """Whether the receiver's pause still holds: nothing but what is urgent goes out."""
        return self.paused_until is not None and self.paused_until > timezone.now()
