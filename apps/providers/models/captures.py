"""Requests and answers kept for reading, where a key or route asks for it; redacted before they are written."""

from __future__ import annotations

from django.db import models

from apps.core.tenancy import TenantModel


class Capture(TenantModel):
    record = models.CharField(max_length=100, unique=True)
    request_id = models.CharField(max_length=128)
    model = models.CharField(max_length=50)
    key = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=10)
    request = models.JSONField()
    answer = models.JSONField(null=True)
    is_cut = models.BooleanField(default=False)
    """Whether one of the two was longer than is kept."""
    at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = (
            models.Index(fields=("organization", "-at", "-id"), name="providers_capture_newest"),
            models.Index(fields=("organization", "request_id"), name="providers_capture_call"),
        )

    def __str__(self) -> str:
        return f"{self.request_id} {self.model}"
