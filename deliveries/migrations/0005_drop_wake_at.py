from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deliveries', '0004_fill_turns'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='delivery',
            name='delivery_due',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='delivery_due_test',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='delivery_retrying',
        ),
        migrations.RemoveIndex(
            model_name='lane',
            name='lane_wake',
        ),
        migrations.RemoveField(
            model_name='lane',
            name='wake_at',
        ),
    ]
