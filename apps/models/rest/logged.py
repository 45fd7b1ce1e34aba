"""What the door of the log takes and answers, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.rest.fields import ObjectField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.models.models.predictions import SOURCES
from apps.models.services.outcomes import MOST_OUTCOMES

LABEL: dict[str, Any] = {
    "oneOf": [{"type": "number"}, {"type": "string"}, {"type": "boolean"}],
    "description": "A class as the model calls it, or a number.",
}
ANSWER: dict[str, Any] = {"description": "A class as the model calls it, or a number."}
ID = "pred_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10"
PREDICTION: dict[str, Any] = {
    "id": ID,
    "model": "churn-predictor",
    "version": "1.2.0",
    "prediction": 1,
    "probability": 0.73,
    "customer_id": "cust_12345",
    "cached": False,
    "source": "single",
    "batch_id": "",
    "request_id": "req_0f8c1d2e3a4b5c6d7e8f9a0b",
    "key": "key_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "principal": "user_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "at": "2026-01-15T10:30:00.123456Z",
    "duration_ms": 1.42,
    "actual": 1,
    "actual_at": "2026-02-15T08:00:00.000000Z",
}
LOGGED: dict[str, Any] = {
    **PREDICTION,
    "features": {"tenure": 12, "monthly_charges": 65.0, "contract": "Month-to-month"},
}
SAID: dict[str, Any] = {"actual": 1}
OUTCOME: dict[str, Any] = {
    "id": ID,
    "model": "churn-predictor",
    "version": "1.2.0",
    "prediction": 1,
    "actual": 1,
    "actual_at": "2026-02-15T08:00:00.000000Z",
}
SAID_MANY: dict[str, Any] = {
    "outcomes": [
        {"prediction_id": ID, "actual": 1},
        {"prediction_id": "pred_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c", "actual": 0},
    ]
}
TAKEN: dict[str, Any] = {
    "accepted": 1,
    "rejected": [
        {
            "index": 1,
            "error": {
                "code": "not_found",
                "message": "There is nothing here by that name.",
                "details": [],
            },
        }
    ],
}
ACCURACY: dict[str, Any] = {
    "by": "day",
    "days": 30,
    "points": [
        {
            "at": "2026-01-15T00:00:00Z",
            "version": "1.2.0",
            "outcomes": 120,
            "accuracy": 0.85,
            "mean_absolute_error": None,
            "root_mean_squared_error": None,
            "brier": 0.11,
        }
    ],
}


@extend_schema_field(LABEL)
class LabelField(serializers.JSONField):
    """Any JSON value but null; which it may be depends on the prediction."""


@extend_schema_field(ANSWER)
class AnswerField(serializers.JSONField):
    """What was predicted, or came."""


@extend_schema_field(
    {
        "type": "object",
        "required": ["prediction_id", "actual"],
        "properties": {"prediction_id": {"type": "string"}, "actual": LABEL},
    }
)
class SaidField(ObjectField):
    """One of many: what is wrong in it, null for one, is said beside its index."""

    child = serializers.JSONField(allow_null=True)


class OutcomeBody(BodySerializer):
    actual = LabelField()


class OutcomesBody(BodySerializer):
    outcomes = serializers.ListField(child=SaidField(), allow_empty=False, max_length=MOST_OUTCOMES)


class OutcomeSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    model = serializers.CharField()
    version = serializers.CharField()
    prediction = AnswerField()
    actual = AnswerField()
    actual_at = serializers.DateTimeField(allow_null=True)


class PredictionSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    model = serializers.CharField()
    version = serializers.CharField()
    prediction = AnswerField()
    probability = serializers.FloatField(allow_null=True)
    customer_id = serializers.CharField(source="customer")
    cached = serializers.BooleanField(source="is_cached")
    source = serializers.ChoiceField(choices=SOURCES)  # type: ignore[assignment]  # a field takes the name, as DRF allows
    batch_id = serializers.CharField(source="batch")
    request_id = serializers.CharField()
    key = serializers.CharField(help_text="The key it was asked with; empty: none was.")
    principal = serializers.CharField(help_text="Who asked.")
    at = serializers.DateTimeField()
    duration_ms = serializers.FloatField(help_text="Of its whole call.")
    actual = AnswerField(help_text="What it turned out to be; null where nobody has said.")
    actual_at = serializers.DateTimeField(allow_null=True)


class LoggedSerializer(PredictionSerializer):
    features = serializers.DictField(help_text="The row as it was scored, defaults filled in.")


class RejectionSerializer(ReadSerializer):
    index = serializers.IntegerField(help_text="From 0.")
    error = serializers.DictField(help_text="`code`, `message`, `details`.")


class TakenSerializer(ReadSerializer):
    accepted = serializers.IntegerField()
    rejected = RejectionSerializer(many=True)


class AccuracyPointSerializer(ReadSerializer):
    at = serializers.DateTimeField(help_text="When the day or hour begins, in UTC.")
    version = serializers.CharField()
    outcomes = serializers.IntegerField()
    accuracy = serializers.FloatField(allow_null=True, help_text="Share of the right classes.")
    mean_absolute_error = serializers.FloatField(allow_null=True)
    root_mean_squared_error = serializers.FloatField(allow_null=True)
    brier = serializers.FloatField(
        allow_null=True, help_text="Mean square of what the probability of class 1 was off by."
    )


class AccuracySerializer(ReadSerializer):
    by = serializers.CharField()
    days = serializers.IntegerField()
    points = AccuracyPointSerializer(many=True)
