"""How long answers of models are kept for a key whose routes say nothing of it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keys", "0002_key_names")]

    operations = [
        migrations.AddField("apikey", "cache_seconds", models.PositiveIntegerField(default=0)),
    ]
