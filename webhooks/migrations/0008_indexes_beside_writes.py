"""Indexes that came after their table, which may be big by then. Older migrations added them: what is there stays."""

from django.db import migrations, models

from switera_webhooks.big_indexes import AddIndexBesideWrites


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("webhooks", "0007_organization_parts")]
    operations = [
        AddIndexBesideWrites(
            "auditentry", models.Index(fields=["app", "environment", "-id"], name="audit_of_app_environment")
        ),
        AddIndexBesideWrites(
            "auditentry", models.Index(fields=["app", "environment", "action", "-id"], name="audit_of_action")
        ),
        AddIndexBesideWrites(
            "auditentry", models.Index(fields=["app", "environment", "actor_id", "-id"], name="audit_of_actor")
        ),
    ]
