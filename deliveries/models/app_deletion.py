from django.db import models

from webhooks.models import App


class AppDeletion(models.Model):
    """How far the deletion of an app has come; it goes with the app, last of all (deliveries/app_deletion.py)."""

    app = models.OneToOneField(App, on_delete=models.CASCADE, primary_key=True, related_name="deletion")
    # Who deleted it, for the operators' log: the audit log goes with the app.
    actor_name = models.CharField(max_length=254)
    started_at = models.DateTimeField()
    # Until then endpoints get `app.deleted`, and nothing else happens.
    endpoints_go_at = models.DateTimeField()
    # Events and deliveries that there were when it began, counted so far as counting is quick; null until then.
    rows = models.PositiveBigIntegerField(null=True)
    deleted = models.PositiveBigIntegerField(default=0)
    # The last batch, or the last time that a worker was sent for.
    worked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"deletion of {self.app_id}"
