from django.db import models
from django.db.models import Q

from switera_webhooks.ids import new_id
from webhooks.models import App


class EventType(models.Model):
    """A name an endpoint can subscribe to: a built-in one (no app), or one that an app's Builder defined."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, related_name="event_types", db_index=False)
    name = models.CharField(max_length=128)
    description = models.TextField(blank=True)
    schema = models.JSONField(null=True)
    example = models.JSONField(null=True)
    deprecated = models.BooleanField(default=False)
    # Of a Builder's type: when it was emitted for the first time, in whichever environment (test sends do not count).
    first_emitted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            # Also the look-up of every emit: (app, name).
            models.UniqueConstraint(fields=["app", "name"], name="event_type_once_per_app"),
            models.UniqueConstraint(fields=["name"], condition=Q(app=None), name="event_type_built_in_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def family(self) -> str:
        """The part before the first dot."""
        return self.name.split(".", 1)[0]

    @property
    def built_in(self) -> bool:
        return self.app_id is None
