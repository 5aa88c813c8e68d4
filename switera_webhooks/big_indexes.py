"""Indexes of tables that grow: PostgreSQL builds them beside writes, which a plain CREATE INDEX keeps waiting.

    class Migration(migrations.Migration):
        atomic = False
        operations = [AddIndexBesideWrites("event", models.Index(...))]

In a migration of its own, since what is not one transaction may end halfway. It can then be repeated: an index that is
there stays, one that was left unfinished is built anew.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from django.db.models import Index, Model


class AddIndexBesideWrites(migrations.AddIndex):
    """AddIndex, with CONCURRENTLY on PostgreSQL; SQLite has one writer anyway."""

    atomic = False

    def __init__(self, model_name: str, index: Index) -> None:
        super().__init__(model_name, index)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor == "postgresql":
            if not _is_valid(schema_editor, self.index):
                _drop(schema_editor, self.index)
                schema_editor.add_index(model, self.index, concurrently=True)  # type: ignore[call-arg]
        elif not _is_there(schema_editor, model, self.index):
            schema_editor.add_index(model, self.index)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        _drop(schema_editor, self.index)


def _drop(schema_editor: BaseDatabaseSchemaEditor, index: Index) -> None:
    beside_writes = "concurrently " if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"drop index {beside_writes}if exists {schema_editor.quote_name(index.name)}")


def _is_valid(schema_editor: BaseDatabaseSchemaEditor, index: Index) -> bool:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select indisvalid from pg_index where indexrelid = to_regclass(%s)", [index.name])
        row: tuple[bool] | None = cursor.fetchone()
    return row == (True,)


def _is_there(schema_editor: BaseDatabaseSchemaEditor, model: type[Model], index: Index) -> bool:
    with schema_editor.connection.cursor() as cursor:
        constraints = schema_editor.connection.introspection.get_constraints(cursor, model._meta.db_table)
    return index.name in constraints
