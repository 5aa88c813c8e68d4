from django.conf import settings
from django.db import models

from switera_webhooks.ids import Prefix, new_id, to_public_id


class Role(models.TextChoices):
    """What a Builder may do in an app: all, all but members and the app itself, or look only."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class App(models.Model):
    """The container: a Builder's product. Owns organizations, endpoints, catalog, events, keys, audit log."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    # Its share of what is sent while more is due than can be, against other apps'; for operators.
    weight = models.PositiveSmallIntegerField(default=1)
    # From then on it is being deleted: nobody finds it, its keys do not work, and nothing is emitted (deliveries/
    # app_deletion.py). Null of every app that there is.
    deleting_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="app_has_a_name"),
            models.CheckConstraint(condition=models.Q(weight__range=(1, 100)), name="app_weight_1_to_100"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return to_public_id(Prefix.APP, self.id)


class Membership(models.Model):
    """A Builder's role in an app."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Also the index of "may this user see this app".
            models.UniqueConstraint(fields=["app", "user"], name="membership_once_per_user"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.app} ({self.role})"
