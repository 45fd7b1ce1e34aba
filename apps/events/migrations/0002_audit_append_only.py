"""The database's own locks on the audit trail."""

from django.db import migrations

from apps.events.domain import triggers


def lock(apps, schema_editor):
    for statement in triggers.locking(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def unlock(apps, schema_editor):
    for statement in triggers.lifting(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("events", "0001_audit_trail")]

    operations = [migrations.RunPython(lock, unlock)]
