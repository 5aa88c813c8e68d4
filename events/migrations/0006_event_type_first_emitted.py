from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0005_events_outlive_organizations'),
    ]

    operations = [
        migrations.AddField(
            model_name='eventtype',
            name='first_emitted_at',
            field=models.DateTimeField(null=True),
        ),
    ]
