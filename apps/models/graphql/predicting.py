"""Predictions in GraphQL: one row, many rows, one row later."""

from __future__ import annotations

from typing import Any

import graphene
from django.conf import settings

from apps.core import envelopes
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError, Limited
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime
from apps.core.limits import policy
from apps.models.domain import answers
from apps.models.domain.asking import Ask, BatchAsk, read_batch, read_customer
from apps.models.domain.work import PredictionPayload
from apps.models.enums import Source
from apps.models.permissions import ModelsPermission
from apps.models.services import predictions
from apps.models.serving import engine
from apps.models.serving.explaining import explain_logged

PREDICT = ModelsPermission.PREDICT
TAG = "A version's name or number, `@alias`, `latest`, `production` (the default) or `staging`."


class TopFeature(graphene.ObjectType):
    feature = graphene.String(required=True)
    importance = graphene.Float(required=True)
    value = JSON()


class PredictionExplanation(graphene.ObjectType):
    """`baseValue` and `shapValues` add up to the `output`."""

    base_value = graphene.Float(required=True)
    output = graphene.String(required=True)
    shap_values = graphene.List(graphene.NonNull(graphene.Float), required=True)
    top_features = graphene.List(graphene.NonNull(TopFeature), required=True)


class PredictionAnswer(graphene.ObjectType):
    prediction = JSON(required=True)
    probability = graphene.Float()
    probabilities = JSON(description="By class, where there are more than two.")
    confidence = graphene.String()
    model_version = graphene.String(required=True)
    prediction_id = graphene.ID(required=True)
    timestamp = DateTime(required=True)
    explanation = graphene.Field(PredictionExplanation)
    cached = graphene.Boolean(required=True)


class PredictionRow(graphene.ObjectType):
    customer_id = JSON()
    prediction = JSON()
    probability = graphene.Float()
    prediction_id = graphene.ID()
    error = JSON(description="`{code, message, details}` of a row that was not predicted.")


class _Question:
    """What all three take."""

    model = graphene.String(required=True, description="Its name or id.")
    version = graphene.String(description=TAG)


class Predict(HouseMutation):
    """Ask a model for one row's prediction and wait for it."""

    class Meta:
        permission = PREDICT

    class Arguments(_Question):
        features = JSON(required=True)
        customer_id = graphene.String()
        explain = graphene.Boolean(default_value=False)

    Output = PredictionAnswer

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> dict[str, Any]:
        answered = await engine.predict(actor, _ask(**arguments))
        return {**answered.document(), "cached": answered.is_cached}


class PredictRows(HouseMutation):
    """Ask a model for many rows' predictions; each has its answer or its error."""

    class Meta:
        permission = PREDICT

    class Arguments(_Question):
        predictions = JSON(required=True, description="`[{customer_id?, features}]`.")

    rows = graphene.List(graphene.NonNull(PredictionRow), required=True)
    batch_id = graphene.ID(required=True)
    model_version = graphene.String(required=True)
    failed_count = graphene.Int(required=True)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> PredictRows:
        verdict = await policy.hit_identity(actor.identity, "batch")
        if not verdict.allowed:
            raise Limited(retry_after=verdict.retry_after)
        body = {"predictions": arguments["predictions"]}
        rows = read_batch(body, settings.SIGNALBOX_PREDICTION_BATCH)
        ask = BatchAsk(arguments["model"], rows, arguments.get("version"), Source.BATCH)
        answered = await engine.predict_rows(actor, ask)
        return cls(
            rows=[
                _row(row.said_customer, one, name)
                for row, one, name in zip(rows, answered.scored, answered.ids, strict=True)
            ],
            batch_id=answered.id,
            model_version=answered.version.label,
            failed_count=sum(isinstance(one, AppError) for one in answered.scored),
        )


class PredictLater(HouseMutation):
    """The same as a job; its answer is the job's result."""

    class Meta:
        permission = PREDICT

    class Arguments(Predict.Arguments):
        pass

    task_id = graphene.ID(required=True)
    status = graphene.String(required=True)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> PredictLater:
        ask = _ask(**arguments)
        name = await engine.check_ask(actor, ask)
        payload = PredictionPayload.of(ask, name)
        job = await in_pool(predictions.submit_prediction, actor=actor, payload=payload)
        return cls(task_id=job.public_id, status=str(job.state))


class ExplainPrediction(HouseMutation):
    """Ask the version that made a prediction of the log why it came out so. Counted as no prediction."""

    class Meta:
        permission = PREDICT

    class Arguments:
        id = graphene.ID(required=True)

    Output = PredictionExplanation

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> dict[str, Any]:
        told = await explain_logged(actor, arguments["id"])
        return answers.explanation_document(told.version, told.row, told.explanation)


class Mutation(graphene.ObjectType):
    predict = Predict.Field(required=True)
    predict_rows = PredictRows.Field(required=True)
    predict_later = PredictLater.Field(required=True)
    explain_prediction = ExplainPrediction.Field(required=True)


def _ask(
    *,
    model: str,
    features: Any,
    version: str | None = None,
    customer_id: str | None = None,
    explain: bool = False,
) -> Ask:
    return Ask(model, features, version, read_customer(customer_id, "customerId"), explain)


def _row(customer: Any, one: Any, name: str) -> dict[str, Any]:
    if isinstance(one, AppError):
        return {"customer_id": customer, "error": envelopes.brief(one)}
    return answers.row_document(customer, one, name)
