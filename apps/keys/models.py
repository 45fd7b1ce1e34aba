"""API keys and what is kept of their secrets. Columns and constraints only."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.core.actor import Role
from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel

ROLES = [(role.value, role.value) for role in Role]


class ApiKey(TenantModel):
    """A key of one owner, a user or a service account, with a role and the terms it is given under."""

    public_id = PublicIdField(prefix="key")
    name = models.CharField(max_length=255)
    role = models.CharField(max_length=16, choices=ROLES)
    is_approver = models.BooleanField(default=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    service_account = models.ForeignKey(
        "tenants.ServiceAccount", null=True, on_delete=models.CASCADE, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    prefix = models.CharField(max_length=10)
    hint = models.CharField(max_length=4)
    limits = models.JSONField(default=dict)
    addresses = models.JSONField(default=list)
    model_names = models.JSONField(null=True)
    budget = models.JSONField(null=True)
    cache_seconds = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(user__isnull=True, service_account__isnull=False)
                | Q(user__isnull=False, service_account__isnull=True),
                name="keys_apikey_one_owner",
            ),
        )
        indexes = (
            models.Index(fields=("organization", "-id"), name="keys_apikey_by_organization"),
        )

    def __str__(self) -> str:
        return self.name

    def state_at(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    @property
    def state(self) -> str:
        return self.state_at(timezone.now())


class KeySecret(TenantModel):
    """What is kept of one secret of a key. Rotation leaves the old one with an end."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="secrets")
    lookup = models.CharField(max_length=16, db_index=True)
    scheme = models.CharField(max_length=8)
    digest = models.CharField(max_length=80, unique=True)
    ends_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("key",),
                condition=Q(ends_at__isnull=True),
                name="keys_keysecret_one_current",
            ),
        )

    def __str__(self) -> str:
        return f"{self.key_id}: {self.scheme}"
