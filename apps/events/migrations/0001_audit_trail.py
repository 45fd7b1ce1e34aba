import django.db.models.deletion
from django.db import migrations, models

import apps.core.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    apps.core.ids.PublicIdField(editable=False, prefix="audit", unique=True),
                ),
                ("action", models.CharField(max_length=100)),
                ("actor_id", models.CharField(blank=True, max_length=80)),
                ("actor_name", models.CharField(blank=True, max_length=255)),
                ("credential_kind", models.CharField(max_length=20)),
                ("credential_id", models.CharField(blank=True, max_length=80)),
                ("address", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=128)),
                ("object_id", models.CharField(blank=True, max_length=80)),
                ("object_name", models.CharField(blank=True, max_length=255)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("at", models.DateTimeField()),
                ("sequence", models.PositiveBigIntegerField(null=True)),
                ("previous_hash", models.CharField(max_length=64, null=True)),
                ("hash", models.CharField(max_length=64, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "-id"], name="events_audit_newest"),
                    models.Index(
                        fields=["organization", "action", "-id"], name="events_audit_action"
                    ),
                    models.Index(
                        fields=["organization", "actor_id", "-id"], name="events_audit_actor"
                    ),
                    models.Index(
                        fields=["organization", "object_id", "-id"], name="events_audit_object"
                    ),
                    models.Index(fields=["organization", "at"], name="events_audit_at"),
                    models.Index(
                        condition=models.Q(("hash__isnull", True)),
                        fields=["organization", "id"],
                        name="events_audit_unsealed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "sequence"), name="events_auditentry_once_in_chain"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hash__isnull", True),
                            ("previous_hash__isnull", True),
                            ("sequence__isnull", True),
                        )
                        | models.Q(
                            ("hash__isnull", False),
                            ("previous_hash__isnull", False),
                            ("sequence__isnull", False),
                        ),
                        name="events_auditentry_sealed_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sequence", models.PositiveBigIntegerField(default=0)),
                ("hash", models.CharField(blank=True, max_length=64)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization",), name="events_audithead_one")
                ],
            },
        ),
    ]
