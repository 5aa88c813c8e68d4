from django.db import models


class Item(models.Model):
    """Saving one sends its webhooks."""

    text = models.TextField()

    objects = models.Manager["Item"]()

    def __str__(self) -> str:
        return str(self.pk)
