"""The REST door of providers: made, changed, tried, asked for their models. No answer holds a credential."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.fields import FlagField, ObjectField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet
from apps.providers.enums import ProviderKind
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.rest.deployments import DeploymentSerializer
from apps.providers.rest.examples import DEPLOYMENT, PROVIDER
from apps.providers.services import connections, providers

VIEW, MANAGE = ProvidersPermission.VIEW, ProvidersPermission.MANAGE
ONE = OpenApiExample("A provider", PROVIDER, response_only=True)
ASKED = OpenApiExample(
    "OpenAI", {"name": "openai", "kind": "openai", "api_key": "sk-…"}, request_only=True
)
CHANGED = OpenApiExample("Another credential", {"api_key": "sk-…"}, request_only=True)
CHECKED = OpenApiExample(
    "It is well",
    {
        "ok": True,
        "error": "",
        "models": 3,
        "milliseconds": 41.7,
        "checked_at": "2026-01-15T10:30:00Z",
    },
    response_only=True,
)
OFFERED = OpenApiExample(
    "Two models",
    {"data": [{"name": "gpt-4o", "context_tokens": None}]},
    response_only=True,
)
CHOSEN = OpenApiExample("One of them", {"models": ["gpt-4o"]}, request_only=True)
FOUND = OpenApiExample(
    "What was made", {"created": [DEPLOYMENT], "skipped": []}, response_only=True
)


class ProviderBody(BodySerializer):
    name = CleanCharField(max_length=100)
    kind = CleanCharField(max_length=20, help_text=f"One of {', '.join(ProviderKind)}.")
    base_url = CleanCharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        help_text="The kind's own by default. Private addresses are for the operator to allow.",
    )
    api_key = CleanCharField(
        max_length=8192,
        required=False,
        allow_blank=True,
        help_text="Kept encrypted, sent to the host of `base_url` alone, never shown again.",
    )
    options = ObjectField(required=False, help_text="What the kind knows: `api_version` of Azure.")
    enabled = FlagField(required=False, source="is_enabled")


class ProviderChangeBody(BodySerializer):
    name = CleanCharField(max_length=100, required=False)
    base_url = CleanCharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        help_text="Another host drops the credential, unless a new one comes with it.",
    )
    api_key = CleanCharField(max_length=8192, required=False, allow_blank=True)
    options = ObjectField(required=False)
    enabled = FlagField(required=False, source="is_enabled")


class DiscoverBody(BodySerializer):
    models = serializers.ListField(
        child=CleanCharField(max_length=200),
        required=False,
        help_text="Names as the provider tells them; left out, all of them.",
    )


class ProviderSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(ProviderKind))
    base_url = serializers.CharField()
    has_credential = serializers.BooleanField()
    credential_hint = serializers.CharField(help_text="Its last four characters, if it is long.")
    options = serializers.DictField()
    enabled = serializers.BooleanField(source="is_enabled")
    deployments = serializers.IntegerField(source="deployment_count")
    checked_at = serializers.DateTimeField(allow_null=True)
    check_error = serializers.CharField(help_text="Of the last test; empty when it was well.")
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_has_credential(provider: Any) -> bool:
        return bool(provider.credential_length)


class CheckSerializer(ReadSerializer):
    ok = serializers.BooleanField()
    error = serializers.CharField()
    models = serializers.IntegerField(help_text="How many it says it has.")
    milliseconds = serializers.FloatField()
    checked_at = serializers.DateTimeField(source="provider.checked_at")

    @staticmethod
    def get_ok(check: connections.Check) -> bool:
        return not check.error


class OfferedModelSerializer(ReadSerializer):
    name = serializers.CharField()
    context_tokens = serializers.IntegerField(allow_null=True)


class OfferedModelsSerializer(ReadSerializer):
    data = OfferedModelSerializer(many=True)  # type: ignore[assignment]  # DRF's word for the answer


class DiscoverySerializer(ReadSerializer):
    created = DeploymentSerializer(many=True)
    skipped = serializers.ListField(
        child=serializers.CharField(), help_text="Models that had a deployment already."
    )


class ProviderViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "create": Door(MANAGE),
        "retrieve": Door(VIEW),
        "partial_update": Door(MANAGE),
        "destroy": Door(MANAGE),
        "test": Door(MANAGE),
        "models": Door(MANAGE),
        "discover": Door(MANAGE),
    }
    serializer_class = ProviderSerializer

    @extend_schema(summary="The organisation's providers", examples=[ONE])
    def list(self, request: Any) -> Response:
        return self.page(
            routing.providers(actor=self.actor),
            ProviderSerializer,
            ordering=("name", "kind", "created_at"),
        )

    @extend_schema(
        summary="Make a provider",
        description="The credential is kept encrypted and never shown again.",
        request=ProviderBody,
        responses={201: ProviderSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = providers.create_provider(actor=self.actor, **self.read(ProviderBody))
        return self.present(made, ProviderSerializer, status=201)

    @extend_schema(summary="One provider", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(routing.provider(actor=self.actor, provider_id=id), ProviderSerializer)

    @extend_schema(
        summary="Change a provider",
        description="What is not named stays. Another host drops the credential.",
        request=ProviderChangeBody,
        responses=ProviderSerializer,
        examples=[CHANGED, ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = providers.update_provider(
            actor=self.actor,
            provider_id=id,
            expected_revision=self.expected_revision(),
            **self.read(ProviderChangeBody),
        )
        return self.present(changed, ProviderSerializer)

    @extend_schema(summary="Remove a provider that has no deployments", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        providers.remove_provider(
            actor=self.actor, provider_id=id, expected_revision=self.expected_revision()
        )
        return self.nothing()

    @extend_schema(
        summary="Try a provider's connection",
        description="A real call with the credential. How it went is kept in `checked_at` and `check_error`.",
        request=None,
        responses=CheckSerializer,
        examples=[CHECKED],
    )
    def test(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        check = connections.check_connection(actor=self.actor, provider_id=id)
        return self.present(check, CheckSerializer)

    @extend_schema(
        operation_id="providers_models",
        summary="Which models a provider says it has",
        responses=OfferedModelsSerializer,
        examples=[OFFERED],
    )
    def models(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = connections.offered_models(actor=self.actor, provider_id=id)
        return Response({"data": [OfferedModelSerializer(model).data for model in found]})

    @extend_schema(
        summary="Make deployments of a provider's models",
        description="Models that have a deployment at this provider are passed over.",
        request=DiscoverBody,
        responses={201: DiscoverySerializer},
        examples=[CHOSEN, FOUND],
    )
    def discover(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = connections.discover_deployments(
            actor=self.actor, provider_id=id, **self.read(DiscoverBody)
        )
        created = [DeploymentSerializer(made).data for made in found.created]
        return Response({"created": created, "skipped": found.skipped}, status=201)
