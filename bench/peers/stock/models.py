"""The rows of the list: the columns and relations of our own keys."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db.models import (
    CASCADE,
    BooleanField,
    CharField,
    DateTimeField,
    ForeignKey,
    Index,
    JSONField,
    Model,
    PositiveIntegerField,
    UUIDField,
)
from django.utils import timezone


class Organization(Model):  # noqa: DJ008 - never shown
    public_id = UUIDField(default=uuid.uuid4, unique=True)
    name = CharField(max_length=255)


class ServiceAccount(Model):  # noqa: DJ008 - never shown
    public_id = UUIDField(default=uuid.uuid4, unique=True)
    organization = ForeignKey(Organization, on_delete=CASCADE)
    name = CharField(max_length=100)
    is_active = BooleanField(default=True)
    revision = PositiveIntegerField(default=1)
    created_at = DateTimeField(default=timezone.now)


class ApiKey(Model):  # noqa: DJ008 - shown by the serializer alone
    public_id = UUIDField(default=uuid.uuid4, unique=True)
    organization = ForeignKey(Organization, on_delete=CASCADE)
    name = CharField(max_length=255)
    role = CharField(max_length=16)
    is_approver = BooleanField(default=False)
    user = ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=CASCADE)
    service_account = ForeignKey(ServiceAccount, null=True, on_delete=CASCADE)
    prefix = CharField(max_length=10)
    hint = CharField(max_length=4)
    limits = JSONField(default=dict)
    addresses = JSONField(default=list)
    model_names = JSONField(null=True)
    budget = JSONField(null=True)
    expires_at = DateTimeField(null=True)
    last_used_at = DateTimeField(null=True)
    revoked_at = DateTimeField(null=True)
    revision = PositiveIntegerField(default=1)
    created_at = DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-pk",)
        indexes = (Index(fields=("organization", "-id"), name="stock_key_by_organization"),)
