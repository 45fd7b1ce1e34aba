"""The REST door of models and their aliases."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.viewsets import HouseViewSet
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.rest.examples import CATALOG, COMPARISON, DETAIL, MODEL, WAITING
from apps.models.rest.serializers import (
    AliasBody,
    AliasRequestSerializer,
    CatalogSerializer,
    ComparisonSerializer,
    ModelBody,
    ModelChangeBody,
    ModelDetailSerializer,
    ModelSerializer,
    waiting,
)
from apps.models.services import aliases, registry

VIEW, MANAGE = ModelsPermission.VIEW, ModelsPermission.MANAGE
READING, WRITING = Door(VIEW, limit="models"), Door(MANAGE, limit="models")
ONE = OpenApiExample("A model", MODEL, response_only=True)
WHOLE = OpenApiExample("A model", DETAIL, response_only=True)
ASKED = OpenApiExample(
    "A new model",
    {"name": "churn-predictor", "description": "Customer churn prediction model"},
    request_only=True,
)
DESCRIBED = OpenApiExample(
    "Another word for it", {"description": "Churn within three months"}, request_only=True
)
ASKS_FIRST = OpenApiExample(
    "Waits for approval",
    {**WAITING, "alias": "champion"},
    response_only=True,
    status_codes=["202"],
)
MOVED = OpenApiExample("The champion", {"version": "1.2.0"}, request_only=True)
TAG = "A version's name or number, `@alias`, `latest`, `production` or `staging`."


class ModelViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": READING,
        "catalog": READING,
        "create": WRITING,
        "retrieve": READING,
        "partial_update": WRITING,
        "destroy": WRITING,
        "compare": READING,
        "set_alias": WRITING,
        "remove_alias": WRITING,
    }
    refusals: ClassVar = {"destroy": (409,), "set_alias": (409,), "compare": (422,)}
    serializer_class = ModelSerializer

    @extend_schema(summary="The organisation's models", examples=[ONE])
    def list(self, request: Any) -> Response:
        found = queries.models(actor=self.actor)
        return self.page(found, ModelSerializer, ordering=("name", "created_at", "updated_at"))

    @extend_schema(
        operation_id="models_catalog",
        summary="All models with their newest versions, in one answer",
        responses=CatalogSerializer,
        examples=[OpenApiExample("Everything", CATALOG, response_only=True)],
    )
    def catalog(self, request: Any) -> Response:
        found = queries.models_with_versions(actor=self.actor)
        return Response(CatalogSerializer().to_representation(found))

    @extend_schema(
        summary="Register a model",
        request=ModelBody,
        responses={201: ModelSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = registry.register_model(actor=self.actor, **self.read(ModelBody))
        response = self.present(made, ModelSerializer, status=201)
        response.headers["Location"] = f"/api/v1/models/{made.name}"
        return response

    @extend_schema(
        summary="One model, by name or id",
        description="`feature_schema` is that of the version in production, or of the newest.",
        responses=ModelDetailSerializer,
        examples=[WHOLE],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(queries.detail(actor=self.actor, name=id), ModelDetailSerializer)

    @extend_schema(
        summary="Describe a model anew",
        request=ModelChangeBody,
        responses=ModelSerializer,
        examples=[DESCRIBED, ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = registry.change_model(
            actor=self.actor,
            name=id,
            expected_revision=self.expected_revision(),
            **self.read(ModelChangeBody),
        )
        return self.present(changed, ModelSerializer)

    @extend_schema(
        summary="Remove a model with all its versions",
        description="409 while a version is in production.",
        responses={204: None},
    )
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        registry.remove_model(actor=self.actor, name=id, expected_revision=self.expected_revision())
        return self.nothing()

    @extend_schema(
        operation_id="models_compare",
        summary="Two versions side by side",
        parameters=[
            OpenApiParameter("from", str, description=TAG, required=True),
            OpenApiParameter("to", str, description=f"{TAG} The newest by default."),
        ],
        responses=ComparisonSerializer,
        examples=[OpenApiExample("Better by two points", COMPARISON, response_only=True)],
    )
    def compare(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        query = request.query_params
        tags = (query.get("from", ""), query.get("to", queries.LATEST))
        return Response(queries.comparison(actor=self.actor, name=id, tags=tags))

    @extend_schema(
        summary="Let an alias name a version",
        description=(
            "Whoever asks for `@alias` gets that version from then on. Where a policy of approvals covers promotions of "
            "this model and the version is not in production, the answer is 202 with an `approval_id`, and the alias moves "
            "once people have agreed."
        ),
        request=AliasBody,
        responses={200: ModelSerializer, 202: AliasRequestSerializer},
        examples=[MOVED, ONE, ASKS_FIRST],
    )
    def set_alias(self, request: Any, id: str, alias: str) -> Response:  # noqa: A002 - the URL's word
        moved = aliases.set_alias(
            actor=self.actor,
            name=id,
            alias=alias,
            tag=self.read(AliasBody)["version"],
            expected_revision=self.expected_revision(),
        )
        if moved.approval_id is None:
            return self.present(moved.model, ModelSerializer)
        return Response({**waiting(moved.version, moved.approval_id), "alias": alias}, status=202)

    @extend_schema(summary="Take an alias away", responses={200: ModelSerializer}, examples=[ONE])
    def remove_alias(self, request: Any, id: str, alias: str) -> Response:  # noqa: A002 - the URL's word
        changed = aliases.remove_alias(
            actor=self.actor, name=id, alias=alias, expected_revision=self.expected_revision()
        )
        return self.present(changed, ModelSerializer)


one_model = ModelViewSet.as_view(
    {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
)
"""Under two names: the API's and the seed's."""
