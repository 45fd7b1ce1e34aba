"""The REST door of the log: what was predicted, what it turned out to be, and how right it was."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.envelopes import brief
from apps.core.errors import Invalid
from apps.core.pagination import read_integer
from apps.core.rest.filters import MomentFilter
from apps.core.rest.pagination import CursorPagination
from apps.core.rest.viewsets import HouseViewSet
from apps.models.models.predictions import SOURCES
from apps.models.permissions import ModelsPermission
from apps.models.queries import predictions
from apps.models.rest.logged import (
    ACCURACY,
    LOGGED,
    OUTCOME,
    PREDICTION,
    SAID,
    SAID_MANY,
    TAKEN,
    AccuracySerializer,
    LoggedSerializer,
    OutcomeBody,
    OutcomesBody,
    OutcomeSerializer,
    PredictionSerializer,
    TakenSerializer,
)
from apps.models.services import outcomes

VIEW, PREDICT = ModelsPermission.VIEW, ModelsPermission.PREDICT
VERSION = "A version's name or number, `@alias`, `latest`, `production` or `staging`."
USUAL_DAYS = 30
WORDS = {"true": True, "false": False}


class PredictionFilter(django_filters.FilterSet):
    source = django_filters.ChoiceFilter(choices=SOURCES)


PredictionFilter.base_filters["from"] = MomentFilter(field_name="at", lookup_expr="gte")
PredictionFilter.base_filters["to"] = MomentFilter(field_name="at", lookup_expr="lt")


class PredictionViewSet(HouseViewSet):
    doors: ClassVar = {"list": Door(VIEW), "retrieve": Door(VIEW), "accuracy": Door(VIEW)}
    refusals: ClassVar = {"accuracy": (422,)}
    serializer_class = PredictionSerializer
    pagination_class = CursorPagination  # type: ignore[assignment]  # it only describes

    @extend_schema(
        summary="A model's predictions, newest first",
        description="Those that the log has kept; what they were made of is read one by one.",
        parameters=[
            OpenApiParameter("version", str, description=VERSION),
            OpenApiParameter("customer_id", str),
            OpenApiParameter("judged", bool, description="Whether an outcome is known."),
            OpenApiParameter("source", str, enum=[word for word, _ in SOURCES]),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="Included."),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Left out."),
        ],
        examples=[OpenApiExample("A prediction", PREDICTION, response_only=True)],
    )
    def list(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        query = request.query_params
        rows = predictions.predictions(
            actor=self.actor,
            name=id,
            version=query.get("version") or None,
            customer=query.get("customer_id") or None,
            judged=_flag("judged", query.get("judged")),
        )
        return self.cursor_page(
            rows.defer("features"), PredictionSerializer, filterset=PredictionFilter
        )

    @extend_schema(
        summary="One prediction, with the features it was made of",
        responses=LoggedSerializer,
        examples=[OpenApiExample("A prediction", LOGGED, response_only=True)],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(predictions.prediction(actor=self.actor, id=id), LoggedSerializer)

    @extend_schema(
        operation_id="models_accuracy",
        summary="How right a model's predictions were, as far as their outcomes are known",
        description=(
            "By when it was predicted, a point for each version. Classifiers have `accuracy`, with two classes `brier` "
            "too; regressions have `mean_absolute_error` and `root_mean_squared_error`. The others are null."
        ),
        parameters=[
            OpenApiParameter(
                "days", int, default=USUAL_DAYS, description="To 400; by hour to 31. Today is one."
            ),
            OpenApiParameter("by", str, enum=["day", "hour"], default="day"),
            OpenApiParameter("version", str, description=VERSION),
        ],
        responses=AccuracySerializer,
        examples=[OpenApiExample("A day", ACCURACY, response_only=True)],
    )
    def accuracy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        query = request.query_params
        days = read_integer(
            query.get("days"), "days", default=USUAL_DAYS, maximum=predictions.MOST_DAYS
        )
        by: Any = query.get("by") or "day"  # any other word is refused there
        found = predictions.accuracy(
            actor=self.actor, name=id, days=days, by=by, version=query.get("version") or None
        )
        return Response({"by": by, "days": days, "points": [asdict(point) for point in found]})


class OutcomeViewSet(HouseViewSet):
    doors: ClassVar = {"create": Door(PREDICT), "create_many": Door(PREDICT)}
    serializer_class = OutcomeSerializer

    @extend_schema(
        operation_id="predictions_outcome",
        summary="Say what a prediction turned out to be",
        description=(
            "A class, or a number, as the prediction is. Said again it takes the place of what was said before. A "
            "prediction that the log has left out is 404."
        ),
        request=OutcomeBody,
        responses={200: OutcomeSerializer},
        examples=[
            OpenApiExample("It came true", SAID, request_only=True),
            OpenApiExample("It came true", OUTCOME, response_only=True),
        ],
    )
    def create(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        body = self.read(OutcomeBody)
        row = outcomes.record_outcome(actor=self.actor, prediction_id=id, **body)
        return self.present(row, OutcomeSerializer)

    @extend_schema(
        operation_id="predictions_outcomes",
        summary="Say what up to 1,000 predictions turned out to be",
        description="What is wrong with one keeps none of the others out: `rejected` says which, and why.",
        request=OutcomesBody,
        responses=TakenSerializer,
        examples=[
            OpenApiExample("Two of them", SAID_MANY, request_only=True),
            OpenApiExample("One was unknown", TAKEN, response_only=True),
        ],
    )
    def create_many(self, request: Any) -> Response:
        taken = outcomes.record_outcomes(actor=self.actor, **self.read(OutcomesBody))
        rejected = [{"index": one.index, "error": brief(one.error)} for one in taken.rejected]
        return Response({"accepted": taken.accepted, "rejected": rejected})


def _flag(name: str, text: str | None) -> bool | None:
    if not text:
        return None
    if text not in WORDS:
        raise Invalid.field(name, "must be true or false", "choice")
    return WORDS[text]
