"""When autovacuum comes to the tables that grow (PostgreSQL). As it comes by default, a fifth of a table has to be dead
or new first: two million rows of ten.

Measured with a million delivered rows, claim + finish of 128, median: 15.2 ms with no row dead, 15.9 with 80,000, 16.3
with 184,000, 17.3 with 273,000 (a delivery leaves two dead rows, a pruned one another). A vacuum then took 0.55 s for
deliveries; of attempts and events, where little or nothing is dead, 0.1 s. So: at a hundredth, and never more often
than autovacuum looks (once a minute). A pass through the indexes costs by their size, which is why it is a share
and not a number, as it is for lanes.
New rows count too: a vacuum of rows that were only inserted reads no index and only the new pages, and little by little
is better than a fifth at one moment.

Fill factor stays at 100. No update of these rows can be in place (HOT): claim, finish and fan-out each change a column
that an index or its condition names, so room on the page saves no entry in an index. Measured, claim + finish of 128 on
fresh tables, median: 9.3 and 11.0 ms at 100, 9.2 and 9.8 at 90, 9.1 and 9.7 at 50, the spread between two runs.
(At the 99th percentile 50 was better, 12.5 and 15.9 ms against 19.5 and 20.6.) And room that is kept free on pages of
rows that never change again is lost to history: by arithmetic, not measured, up to twice the pages at 50.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = ("events_event", "deliveries_delivery", "deliveries_attempt")
SETTINGS = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_threshold": "10000",
    "autovacuum_vacuum_insert_scale_factor": "0.01",
    "autovacuum_vacuum_insert_threshold": "10000",
    # Statistics for lists and filters: the hot statements need none.
    "autovacuum_analyze_scale_factor": "0.02",
}


def forwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"alter table {table} set ({', '.join(f'{k} = {v}' for k, v in SETTINGS.items())})")


def backwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"alter table {table} reset ({', '.join(SETTINGS)})")


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0006_fewer_checks_of_hot_rows"), ("events", "0003_undispatched_by_app")]
    operations = [migrations.RunPython(forwards, backwards)]
