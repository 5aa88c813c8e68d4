"""What only PostgreSQL needs: a UUIDv7 inside a statement, and storage settings of the hot tables."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# RFC 9562: 48 bits of milliseconds over a random UUID, version and variant bits set.
UUID7 = """
create or replace function switera_uuid7() returns uuid language sql volatile parallel safe as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
              placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
              from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid
$$
"""

# Lanes are few and change at every claim and finish: room on each page for versions in place, vacuumed by count.
LANES = """
alter table deliveries_lane set
  (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000)
"""


def forwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(UUID7)
        schema_editor.execute(LANES)


def backwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("alter table deliveries_lane reset "
                              "(fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)")
        schema_editor.execute("drop function if exists switera_uuid7()")


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
