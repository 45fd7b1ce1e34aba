"""What the admin calls audit entries; the tables stay as they are."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0002_audit_append_only")]

    operations = [
        migrations.AlterModelOptions(
            name="auditentry",
            options={"verbose_name": "audit entry", "verbose_name_plural": "audit entries"},
        ),
    ]
