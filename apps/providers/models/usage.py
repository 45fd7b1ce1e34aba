"""What calls used: a row for each, and sums by the hour that lists and charts read.

Written by the drain of the spool alone. Names stand beside ids as they were then: what was used outlives what it used.
"""

from __future__ import annotations

from django.db import models

from apps.core.tenancy import TenantModel
from apps.providers.enums import CallStatus, Operation

STATUSES = [(status.value, status.value) for status in CallStatus]
OPERATIONS = [(operation.value, operation.value) for operation in Operation]


class UsageRecord(TenantModel):
    """One call. `record` is its place in the spool, by which it is never counted twice."""

    record = models.CharField(max_length=100, unique=True)
    request_id = models.CharField(max_length=128)
    key = models.CharField(max_length=80, blank=True)
    key_name = models.CharField(max_length=255, blank=True)
    principal = models.CharField(max_length=80, blank=True)
    end_user = models.CharField(max_length=255, blank=True)
    model = models.CharField(max_length=50)
    """The route's name, as the caller wrote it."""
    deployment = models.CharField(max_length=100, blank=True)
    provider = models.CharField(max_length=100, blank=True)
    operation = models.CharField(max_length=12, choices=OPERATIONS)
    status = models.CharField(max_length=10, choices=STATUSES)
    error_code = models.CharField(max_length=60, blank=True)
    is_stream = models.BooleanField(default=False)
    is_cached = models.BooleanField(default=False)
    is_estimated = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=1)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    """Billionths of a dollar."""
    duration_ms = models.FloatField(default=0)
    first_token_ms = models.FloatField(null=True)
    overhead_ms = models.FloatField(default=0)
    """Of the duration, what was spent here and not upstream."""
    epoch = models.CharField(max_length=32, blank=True)
    """The life of the ledger in which it was settled: a ledger that is rebuilt counts those of former lives."""
    at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=("organization", "-at", "-id"), name="providers_usage_newest"),
            models.Index(fields=("organization", "key", "-at"), name="providers_usage_key"),
        )

    def __str__(self) -> str:
        return f"{self.request_id} {self.model} {self.status}"


class UsageRollup(TenantModel):
    """The sums of one hour for one combination of key, model, deployment and provider."""

    hour = models.DateTimeField()
    key = models.CharField(max_length=80, blank=True)
    key_name = models.CharField(max_length=255, blank=True)
    model = models.CharField(max_length=50)
    deployment = models.CharField(max_length=100, blank=True)
    provider = models.CharField(max_length=100, blank=True)
    requests = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)
    cached = models.BigIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    duration = models.JSONField(default=dict)
    """A mergeable sketch of durations: bucket → count."""
    first_token = models.JSONField(default=dict)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "hour", "key", "model", "deployment", "provider"),
                name="providers_rollup_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.model}"
