"""The REST door of routes: the public names of models, where calls to them go, and how it was before."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.fields import FlagField, ObjectField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet
from apps.providers.models import Route
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.rest.examples import ROUTE, ROUTE_VERSION
from apps.providers.rest.fields import NumberField, StickyField
from apps.providers.services import routes

VIEW, MANAGE = ProvidersPermission.VIEW, ProvidersPermission.MANAGE
ONE = OpenApiExample("A route", ROUTE, response_only=True)
VERSION = OpenApiExample("A version", ROUTE_VERSION, response_only=True)
SPLIT = {
    "targets": [
        {"deployment": "gpt-4o-eu", "weight": 90},
        {"deployment": "gpt-4o-us", "weight": 10},
    ],
    "sticky": True,
    "fallbacks": ["spare"],
}
ASKED = OpenApiExample("Nine to one", {"name": "chat", **SPLIT}, request_only=True)
REPLACED = OpenApiExample("Nine to one", SPLIT, request_only=True)
CHANGED = OpenApiExample("An hour's cache", {"cache_seconds": 3600}, request_only=True)
RESTORED = OpenApiExample("As it was at first", {"revision": 1}, request_only=True)


class TargetBody(BodySerializer):
    deployment = CleanCharField(max_length=100, help_text="A deployment's id or name.")
    weight = NumberField(required=False, help_text="Its part of the calls; 1 by default.")
    priority = WholeNumberField(
        required=False, help_text="0 by default; higher ones wait until lower ones fail."
    )


class RouteTermsBody(BodySerializer):
    """Everything of a route but its name and targets."""

    description = CleanCharField(max_length=500, required=False, allow_blank=True)
    fallbacks = serializers.ListField(
        child=CleanCharField(max_length=50),
        required=False,
        help_text="Names of routes tried, in order, when every target failed.",
    )
    sticky = StickyField(
        required=False,
        help_text="`session` (or true): `X-Session-ID`, else `user`, else the key keeps its target; `key`: the key does.",
    )
    retries = WholeNumberField(required=False)
    cache_seconds = WholeNumberField(required=False, help_text="0: answers are not kept.")
    captures = FlagField(required=False, help_text="Keep requests and answers, redacted.")
    continues = FlagField(
        required=False,
        help_text="A stream that breaks off goes on at the next target, or anew at the same.",
    )
    guardrails = serializers.ListField(
        child=ObjectField(), required=False, help_text="`{name, options?}` each, in order."
    )
    prompt = CleanCharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="`name@label` or `name@version`, put before the caller's messages.",
    )
    enabled = FlagField(required=False, source="is_enabled")


class RouteBody(RouteTermsBody):
    name = CleanCharField(max_length=50, help_text="What callers write in `model`.")
    targets = TargetBody(many=True)


class RouteReplaceBody(RouteTermsBody):
    targets = TargetBody(many=True)


class RouteChangeBody(RouteTermsBody):
    targets = TargetBody(many=True, required=False)


class RestoreBody(BodySerializer):
    revision = WholeNumberField()


class TargetSerializer(ReadSerializer):
    deployment = serializers.CharField(source="deployment.public_id")
    name = serializers.CharField(source="deployment.name")
    provider = serializers.CharField(source="deployment.provider.name")
    model = serializers.CharField(source="deployment.model")
    weight = serializers.FloatField()
    priority = serializers.IntegerField()
    enabled = serializers.BooleanField(help_text="Whether the deployment and its provider are.")

    @staticmethod
    def get_enabled(target: Any) -> bool:
        return bool(target.deployment.is_enabled and target.deployment.provider.is_enabled)


class RouteSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    description = serializers.CharField()
    targets = TargetSerializer(many=True)
    fallbacks = serializers.ListField(child=serializers.CharField())
    sticky = serializers.CharField(help_text="none, session or key")
    retries = serializers.IntegerField()
    cache_seconds = serializers.IntegerField()
    captures = serializers.BooleanField()
    continues = serializers.BooleanField()
    guardrails = serializers.ListField(child=serializers.DictField())
    prompt = serializers.CharField()
    managed_by = serializers.CharField(help_text="The rollout that moves its weights, if any.")
    enabled = serializers.BooleanField(source="is_enabled")
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_targets(route: Route) -> list[Any]:
        return [TargetSerializer(target).data for target in route.targets.all()]


class RouteVersionSerializer(ReadSerializer):
    revision = serializers.IntegerField()
    definition = serializers.DictField(help_text="The route whole, as it stood.")
    created_at = serializers.DateTimeField()


class RouteViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "create": Door(MANAGE),
        "retrieve": Door(VIEW),
        "update": Door(MANAGE),
        "partial_update": Door(MANAGE),
        "destroy": Door(MANAGE),
        "versions": Door(VIEW),
        "restore": Door(MANAGE),
    }
    refusals: ClassVar = {"create": (404,)}
    serializer_class = RouteSerializer

    @extend_schema(summary="The organisation's routes", examples=[ONE])
    def list(self, request: Any) -> Response:
        found = routing.routes(actor=self.actor)
        return self.page(found, RouteSerializer, ordering=("name", "created_at"))

    @extend_schema(
        summary="Make a route: a public model name",
        request=RouteBody,
        responses={201: RouteSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = routes.create_route(actor=self.actor, **self.read(RouteBody))
        return self.present(made, RouteSerializer, status=201)

    @extend_schema(summary="One route, by name or id", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(routing.route(actor=self.actor, name=id), RouteSerializer)

    @extend_schema(
        summary="Replace a route",
        description="What is not named goes back to its default. With `If-Match` a stale change is refused.",
        request=RouteReplaceBody,
        responses=RouteSerializer,
        examples=[REPLACED, ONE],
    )
    def update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        replaced = routes.replace_route(
            actor=self.actor,
            name=id,
            expected_revision=self.expected_revision(),
            **self.read(RouteReplaceBody),
        )
        return self.present(replaced, RouteSerializer)

    @extend_schema(
        summary="Change a route",
        description="What is not named stays; `targets` are replaced as a whole.",
        request=RouteChangeBody,
        responses=RouteSerializer,
        examples=[CHANGED, ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = routes.update_route(
            actor=self.actor,
            name=id,
            expected_revision=self.expected_revision(),
            **self.read(RouteChangeBody),
        )
        return self.present(changed, RouteSerializer)

    @extend_schema(summary="Remove a route that none falls back on", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        routes.remove_route(actor=self.actor, name=id, expected_revision=self.expected_revision())
        return self.nothing()

    @extend_schema(
        operation_id="routes_versions_list",
        summary="A route at each of its revisions, newest first",
        responses=RouteVersionSerializer(many=True),
        examples=[VERSION],
    )
    def versions(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.page(routing.route_versions(actor=self.actor, name=id), RouteVersionSerializer)

    @extend_schema(
        summary="Bring a route back as it was at a revision",
        description="As a new revision; refused where what it went to is no more.",
        request=RestoreBody,
        responses=RouteSerializer,
        examples=[RESTORED, ONE],
    )
    def restore(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        restored = routes.restore_route(
            actor=self.actor,
            name=id,
            expected_revision=self.expected_revision(),
            **self.read(RestoreBody),
        )
        return self.present(restored, RouteSerializer)
