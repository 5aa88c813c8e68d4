from django.db import models


class Item(models.Model):
    """Saving one sends its webhooks."""

    text = models.TextField()

    def __str__(self) -> str:
        return str(self.pk)
