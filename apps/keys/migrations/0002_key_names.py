"""What the admin calls keys; the tables stay as they are."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="apikey",
            options={
                "ordering": ("-pk",),
                "verbose_name": "API key",
                "verbose_name_plural": "API keys",
            },
        ),
    ]
