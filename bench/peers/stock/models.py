"""The rows of the list: as many columns as our own keys show."""

from __future__ import annotations

from django.db.models import CharField, DateTimeField, JSONField, Model


class ApiKey(Model):  # noqa: DJ008 - shown by the serializer alone
    public_id = CharField(max_length=40, unique=True)
    name = CharField(max_length=100)
    prefix = CharField(max_length=20)
    role = CharField(max_length=20)
    limits = JSONField(default=dict)
    models = JSONField(null=True)
    addresses = JSONField(default=list)
    created_at = DateTimeField(auto_now_add=True)
    expires_at = DateTimeField(null=True)
    last_used_at = DateTimeField(null=True)
    revoked_at = DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
