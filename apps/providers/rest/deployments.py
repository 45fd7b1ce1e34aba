"""The REST door of deployments. Prices are dollars for a million tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.fields import FlagField, ObjectField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet
from apps.providers.domain.terms import CAPABILITIES, LIMITS, TIMEOUTS
from apps.providers.models import Deployment
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.rest.examples import DEPLOYMENT
from apps.providers.rest.fields import PriceField
from apps.providers.services import deployments

VIEW, MANAGE = ProvidersPermission.VIEW, ProvidersPermission.MANAGE
ONE = OpenApiExample("A deployment", DEPLOYMENT, response_only=True)
ASKED = OpenApiExample(
    "With a price and a limit",
    {
        "name": "gpt-4o-eu",
        "provider": "openai",
        "model": "gpt-4o",
        "input_price": 2.5,
        "output_price": 10,
        "limits": {"rpm": 500},
    },
    request_only=True,
)
CHANGED = OpenApiExample("Another limit", {"limits": {"parallel": 20}}, request_only=True)
PRICE = "Dollars for a million tokens."
KNOWN = f"{PRICE} Left out: what is known of the model, else 0."


class TermsBody(BodySerializer):
    """What a deployment is made with and may be changed to."""

    cached_input_price = PriceField(required=False, allow_null=True, help_text=PRICE)
    context_tokens = WholeNumberField(required=False, allow_null=True)
    max_output_tokens = WholeNumberField(required=False, allow_null=True)
    capabilities = serializers.ListField(
        child=CleanCharField(max_length=20),
        required=False,
        help_text=f"Of {', '.join(CAPABILITIES)}; none named is unknown, and everything is tried.",
    )
    limits = ObjectField(
        required=False, help_text="`{rpm, tpm, parallel}`; what is not named is not limited."
    )
    timeouts = ObjectField(required=False, help_text="`{total, first_token, idle}` in seconds.")
    enabled = FlagField(required=False, source="is_enabled")


class DeploymentBody(TermsBody):
    name = CleanCharField(max_length=100)
    provider = CleanCharField(max_length=100, help_text="A provider's id or name.")
    model = CleanCharField(max_length=200, help_text="As the provider calls it.")
    input_price = PriceField(required=False, help_text=KNOWN)
    output_price = PriceField(required=False, help_text=KNOWN)


class DeploymentChangeBody(TermsBody):
    name = CleanCharField(max_length=100, required=False)
    model = CleanCharField(max_length=200, required=False)
    input_price = PriceField(required=False, help_text=PRICE)
    output_price = PriceField(required=False, help_text=PRICE)


class DeploymentSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    provider = serializers.CharField(source="provider.public_id")
    provider_name = serializers.CharField(source="provider.name")
    model = serializers.CharField()
    input_price = serializers.FloatField(help_text=PRICE)
    output_price = serializers.FloatField(help_text=PRICE)
    cached_input_price = serializers.FloatField(allow_null=True)
    context_tokens = serializers.IntegerField(allow_null=True)
    max_output_tokens = serializers.IntegerField(allow_null=True)
    capabilities = serializers.ListField(child=serializers.CharField())
    limits = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    timeouts = serializers.DictField(child=serializers.FloatField())
    enabled = serializers.BooleanField(source="is_enabled")
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_input_price(deployment: Deployment) -> float:
        return float(deployment.input_price)

    @staticmethod
    def get_output_price(deployment: Deployment) -> float:
        return float(deployment.output_price)

    @staticmethod
    def get_cached_input_price(deployment: Deployment) -> float | None:
        price = deployment.cached_input_price
        return None if price is None else float(price)

    @staticmethod
    def get_limits(deployment: Deployment) -> dict[str, Any]:
        return {word: getattr(deployment, column) for word, column in LIMITS.items()}

    @staticmethod
    def get_timeouts(deployment: Deployment) -> dict[str, Any]:
        return {word: getattr(deployment, column) for word, (column, *_) in TIMEOUTS.items()}


class DeploymentViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "create": Door(MANAGE),
        "retrieve": Door(VIEW),
        "partial_update": Door(MANAGE),
        "destroy": Door(MANAGE),
    }
    # A provider that is named and not there.
    refusals: ClassVar = {"list": (404,), "create": (404,)}
    serializer_class = DeploymentSerializer

    @extend_schema(
        summary="The organisation's deployments",
        parameters=[
            OpenApiParameter("provider", str, description="Id or name."),
            OpenApiParameter("model", str, description="As the provider calls it."),
        ],
        examples=[ONE],
    )
    def list(self, request: Any) -> Response:
        query = request.query_params
        found = routing.deployments(
            actor=self.actor, provider=query.get("provider"), model=query.get("model")
        )
        return self.page(found, DeploymentSerializer, ordering=("name", "model", "created_at"))

    @extend_schema(
        summary="Deploy a model of a provider",
        request=DeploymentBody,
        responses={201: DeploymentSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = deployments.create_deployment(actor=self.actor, **self.read(DeploymentBody))
        return self.present(made, DeploymentSerializer, status=201)

    @extend_schema(summary="One deployment", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = routing.deployment(actor=self.actor, deployment_id=id)
        return self.present(found, DeploymentSerializer)

    @extend_schema(
        summary="Change a deployment",
        description="What is not named stays; `limits` are replaced as a whole.",
        request=DeploymentChangeBody,
        responses=DeploymentSerializer,
        examples=[CHANGED, ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = deployments.update_deployment(
            actor=self.actor,
            deployment_id=id,
            expected_revision=self.expected_revision(),
            **self.read(DeploymentChangeBody),
        )
        return self.present(changed, DeploymentSerializer)

    @extend_schema(summary="Remove a deployment that no route goes to", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        deployments.remove_deployment(
            actor=self.actor, deployment_id=id, expected_revision=self.expected_revision()
        )
        return self.nothing()
