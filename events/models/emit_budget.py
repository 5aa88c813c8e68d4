from django.db import models

from webhooks.models import App


class EmitBudget(models.Model):
    """How far an app has spent its events a second (events/emit_rate.py); a row only where a limit is set."""

    app = models.OneToOneField(App, on_delete=models.CASCADE, primary_key=True, related_name="+")
    # Microseconds since 1970: the moment at which all that was emitted would have come, evenly spread.
    spent_until = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"emit budget of {self.app_id}"
