"""What was predicted: a row for each prediction that is logged, sums by the hour of all of them, and how often they were right.

Written by the drain of the spool and by outcomes alone. Rows name their model and version by key and by name and hold no
foreign key: what was predicted outlives what predicted it, and removing a model does not wait for millions of rows.
"""

from __future__ import annotations

from django.db import models

from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel
from apps.models.enums import Source

SOURCES = [(source.value, source.value) for source in Source]


class PredictionRecord(TenantModel):
    """One prediction. Its id is made where it is answered, so a record met again is known by it."""

    public_id = PublicIdField(prefix="pred")
    model_key = models.BigIntegerField()
    model = models.CharField(max_length=100)
    version_key = models.BigIntegerField()
    version = models.CharField(max_length=64)
    source = models.CharField(max_length=6, choices=SOURCES)
    batch = models.CharField(max_length=40, blank=True)
    request_id = models.CharField(max_length=128)
    key = models.CharField(max_length=80, blank=True)
    principal = models.CharField(max_length=80, blank=True)
    customer = models.CharField(max_length=255, blank=True)
    """Whom it is about, in the caller's words: `customer_id`."""
    features = models.JSONField()
    """The row as it was scored, defaults filled in, by name."""
    prediction = models.JSONField()
    probability = models.FloatField(null=True)
    is_cached = models.BooleanField(default=False)
    duration_ms = models.FloatField(default=0)
    at = models.DateTimeField()
    actual = models.JSONField(null=True)
    """What it turned out to be."""
    actual_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("organization", "model_key", "-at", "-id"), name="models_prediction_newest"
            ),
        )

    def __str__(self) -> str:
        return f"{self.public_id} {self.model} {self.version}"


class PredictionHour(TenantModel):
    """The sums of one hour for one version; every prediction counts, also those that the log leaves out."""

    hour = models.DateTimeField()
    model_key = models.BigIntegerField()
    model = models.CharField(max_length=100)
    version = models.CharField(max_length=64)
    predictions = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)
    cached = models.BigIntegerField(default=0)
    duration = models.JSONField(default=dict)
    """A mergeable sketch of milliseconds: bucket → count."""
    last_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "model_key", "hour", "version"),
                name="models_prediction_hour_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.model} {self.version}"


class OutcomeTally(TenantModel):
    """How right the predictions of one hour were, as far as outcomes have come in. Sums, so that hours add up to days."""

    hour = models.DateTimeField()
    """Of the prediction, not of its outcome."""
    model_key = models.BigIntegerField()
    model = models.CharField(max_length=100)
    version = models.CharField(max_length=64)
    outcomes = models.BigIntegerField(default=0)
    correct = models.BigIntegerField(default=0)
    """Of a classifier: predictions that were the class it turned out to be."""
    absolute_error = models.FloatField(default=0)
    """Of a regression: the sum over its outcomes. Of a classifier: how many were another class."""
    squared_error = models.FloatField(default=0)
    """Of a regression: the sum over its outcomes."""
    squared_miss = models.FloatField(default=0)
    """Of a two-class probability: the Brier score's sum."""
    scored = models.BigIntegerField(default=0)
    """How many outcomes `squared_miss` is a sum of."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "model_key", "hour", "version"),
                name="models_outcome_tally_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.model} {self.version}"
