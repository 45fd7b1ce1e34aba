"""The log of predictions in GraphQL, what they turned out to be, and how right they were."""

from __future__ import annotations

from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.actor import Actor
from apps.core.envelopes import brief
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime, HouseType, public_id
from apps.models.models import PredictionRecord
from apps.models.permissions import ModelsPermission
from apps.models.queries import predictions
from apps.models.queries.predictions import AccuracyPoint, HourPoint, Totals
from apps.models.services import outcomes

VIEW, PREDICT = ModelsPermission.VIEW, ModelsPermission.PREDICT
NAME = "A model's name, or its id."
TAG = "A version's name or number, @alias, latest, production or staging."


class PredictionType(HouseType):
    """One prediction of the log."""

    class Meta:
        name = "Prediction"

    id = public_id()
    model = graphene.String(required=True)
    version = graphene.String(required=True)
    prediction = JSON(required=True)
    probability = graphene.Float()
    customer_id = graphene.String(required=True, source="customer")
    features = JSON(required=True, description="The row as it was scored.")
    cached = graphene.Boolean(required=True, source="is_cached")
    source = graphene.String(required=True)
    batch_id = graphene.String(required=True, source="batch")
    request_id = graphene.String(required=True)
    key = graphene.String(required=True)
    principal = graphene.String(required=True)
    at = DateTime(required=True)
    duration_ms = graphene.Float(required=True)
    actual = JSON(description="What it turned out to be; null where nobody has said.")
    actual_at = DateTime()


class OutcomeType(HouseType):
    """What a prediction turned out to be."""

    class Meta:
        name = "Outcome"

    id = public_id()
    model = graphene.String(required=True)
    version = graphene.String(required=True)
    prediction = JSON(required=True)
    actual = JSON(required=True)
    actual_at = DateTime(required=True)


class ModelAccuracyPoint(HouseType):
    """A day or an hour of one version. What does not apply to its kind of prediction is null."""

    at = DateTime(required=True)
    version = graphene.String(required=True)
    outcomes = graphene.Int(required=True)
    accuracy = graphene.Float()
    mean_absolute_error = graphene.Float()
    root_mean_squared_error = graphene.Float()
    brier = graphene.Float()


class ModelHour(HouseType):
    """An hour of one version. Milliseconds are of calls, a batch being one."""

    hour = DateTime(required=True)
    version = graphene.String(required=True)
    predictions = graphene.Int(required=True)
    errors = graphene.Int(required=True)
    cached = graphene.Int(required=True)
    mean_ms = graphene.Float()
    p50_ms = graphene.Float()
    p95_ms = graphene.Float()
    p99_ms = graphene.Float()


class ModelTotals(HouseType):
    total = graphene.Float(required=True, description="A whole number, perhaps above 2^31.")
    last_at = DateTime()


class Query(graphene.ObjectType):
    model_predictions = ConnectionField(
        PredictionType,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
        version=graphene.String(description=TAG),
        customer=graphene.String(),
        judged=graphene.Boolean(description="Whether an outcome is known."),
    )
    prediction = HouseField(
        PredictionType, required=True, permission=VIEW, id=graphene.ID(required=True)
    )
    model_accuracy = HouseField(
        graphene.List(graphene.NonNull(ModelAccuracyPoint)),
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
        days=graphene.Int(default_value=30, description="To 400; by hour to 31."),
        by=graphene.String(default_value="day", description="day or hour"),
        version=graphene.String(description=TAG),
    )
    model_hours = HouseField(
        graphene.List(graphene.NonNull(ModelHour)),
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
        hours=graphene.Int(default_value=24, description="To 744."),
    )
    model_totals = HouseField(
        ModelTotals,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
    )

    @staticmethod
    def resolve_model_predictions(
        root: Any, info: Any, *, name: str, **wanted: Any
    ) -> QuerySet[PredictionRecord]:
        return predictions.predictions(actor=actor_of(info), name=name, **wanted)

    @staticmethod
    def resolve_prediction(root: Any, info: Any, *, id: str) -> PredictionRecord:  # noqa: A002 - the schema's word
        return predictions.prediction(actor=actor_of(info), id=id)

    @staticmethod
    def resolve_model_accuracy(
        root: Any, info: Any, *, name: str, **wanted: Any
    ) -> list[AccuracyPoint]:
        return predictions.accuracy(actor=actor_of(info), name=name, **wanted)

    @staticmethod
    def resolve_model_hours(root: Any, info: Any, *, name: str, hours: int) -> list[HourPoint]:
        return predictions.hours(actor=actor_of(info), name=name, hours=hours)

    @staticmethod
    def resolve_model_totals(root: Any, info: Any, *, name: str) -> Totals:
        return predictions.totals(predictions.seen_model(actor_of(info), name).pk)


class RecordOutcome(HouseMutation):
    """Say what a prediction turned out to be; said again, it takes the place of what was said before."""

    class Meta:
        permission = PREDICT

    class Arguments:
        id = graphene.ID(required=True)
        actual = JSON(required=True, description="A class, or a number, as the prediction is.")

    outcome = graphene.Field(OutcomeType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RecordOutcome:
        row = outcomes.record_outcome(
            actor=actor, prediction_id=arguments["id"], actual=arguments["actual"]
        )
        return cls(outcome=row)


class OutcomeInput(graphene.InputObjectType):
    prediction_id = graphene.ID(required=True)
    actual = JSON(required=True)


class OutcomeRejection(graphene.ObjectType):
    index = graphene.Int(required=True, description="From 0.")
    error = JSON(required=True, description="code, message, details")


class RecordOutcomes(HouseMutation):
    """The same for up to 1,000; what is wrong with one keeps none of the others out."""

    class Meta:
        permission = PREDICT

    class Arguments:
        outcomes = graphene.List(graphene.NonNull(OutcomeInput), required=True)

    accepted = graphene.Int(required=True)
    rejected = graphene.List(graphene.NonNull(OutcomeRejection), required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RecordOutcomes:
        taken = outcomes.record_outcomes(actor=actor, outcomes=arguments["outcomes"])
        rejected = [{"index": one.index, "error": brief(one.error)} for one in taken.rejected]
        return cls(accepted=taken.accepted, rejected=rejected)


class Mutation(graphene.ObjectType):
    record_outcome = RecordOutcome.Field()
    record_outcomes = RecordOutcomes.Field()
