"""Response times in classes, a few dozen of them for any number of attempts, and what percentiles they tell.

Class k holds the milliseconds m with k = floor(8 · log2(m + ½)): bounds grow by the eighth root of 2. A class is told
by the middle of the whole milliseconds in it: exact up to 12 ms, beyond that wrong by at most 1 ms or 5 %. (The half
keeps every whole number off the bounds, where two databases might round differently.)
"""

import math
from collections.abc import Mapping

from django.db.models import Case, FloatField, IntegerField, Q, Value, When
from django.db.models.functions import Cast, Floor, Ln

from deliveries.error_codes import ErrorCode

_CLASSES_IN_DOUBLE = 8
# Of an attempt that was answered, or waited for in vain until the wall clock; others say nothing of the receiver.
_TIMED = Q(response_status__isnull=False) | Q(error_code=ErrorCode.TIMEOUT)


def time_class() -> Case:
    """The class of an Attempt row; null where its duration is no response time."""
    # As a float from the start: PostgreSQL's logarithm of a decimal takes ten times as long.
    ln = Ln(Cast("duration_ms", FloatField()) + Value(0.5, FloatField()))
    per_ln = Value(_CLASSES_IN_DOUBLE / math.log(2), FloatField())
    return Case(When(_TIMED, then=Cast(Floor(ln * per_ln), IntegerField())), default=None)


def percentile(classes: Mapping[int, int], share: float) -> int | None:
    """Milliseconds that this share of all does not exceed, by {class: attempts}; None of nothing."""
    wanted = math.ceil(share * sum(classes.values()))
    passed = 0
    for number in sorted(classes):
        passed += classes[number]
        if passed >= wanted > 0:
            return _middle(number)
    return None


def _middle(number: int) -> int:
    first, end = (math.ceil(2 ** (bound / _CLASSES_IN_DOUBLE) - 0.5) for bound in (number, number + 1))
    return round((first + end - 1) / 2)
