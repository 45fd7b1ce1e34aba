"""Registries of others that models are followed from."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.core.crypto import EncryptedTextField
from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel
from apps.models.enums import SourceAuth

AUTHS = [(each.value, each.value) for each in SourceAuth]


class MlflowSource(TenantModel):
    """An MLflow server, and which of its models are followed. What is fetched is done in its owner's name."""

    public_id = PublicIdField(prefix="msrc")
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=2000)
    auth = models.CharField(max_length=6, choices=AUTHS, default=SourceAuth.NONE)
    username = models.CharField(max_length=200, blank=True)
    credential = EncryptedTextField(blank=True, default="")
    """A password or a token: sent to the host of `url` and nowhere else."""
    credential_hint = models.CharField(max_length=4, blank=True)
    follows = models.JSONField(default=list)
    """`{model, alias or stage, as}`: which version there, and the name of the model here."""
    every_seconds = models.PositiveIntegerField(default=3600)
    is_enabled = models.BooleanField(default=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    next_at = models.DateTimeField(default=timezone.now)
    synced_at = models.DateTimeField(null=True)
    sync_error = models.CharField(max_length=500, blank=True)
    """What the last run failed of as a whole; empty when it came through."""
    outcomes = models.JSONField(default=list)
    """Of the last run, one for each that is followed."""
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="models_source_name_once"
            ),
        )
        indexes = (
            models.Index(
                fields=("next_at",),
                condition=models.Q(is_enabled=True),
                name="models_source_due",
            ),
        )

    def __str__(self) -> str:
        return self.name
