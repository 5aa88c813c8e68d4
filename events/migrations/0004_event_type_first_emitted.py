from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0003_undispatched_by_app'),
    ]

    operations = [
        migrations.AddField(
            model_name='eventtype',
            name='first_emitted_at',
            field=models.DateTimeField(null=True),
        ),
    ]
