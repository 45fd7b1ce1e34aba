"""Routes in GraphQL: the same deeds as REST."""

from __future__ import annotations

from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.actor import Actor
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime, HouseType, public_id
from apps.providers.graphql.deployments import DeploymentType
from apps.providers.graphql.inputs import REVISION, values_of
from apps.providers.models import Route, RouteTarget, RouteVersion
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import routes

VIEW, MANAGE = ProvidersPermission.VIEW, ProvidersPermission.MANAGE
STICKY = "none, session or key"


class RouteTargetType(HouseType):
    """A deployment's share of a route."""

    class Meta:
        name = "RouteTarget"

    deployment = graphene.Field(DeploymentType, required=True)
    weight = graphene.Float(required=True)
    priority = graphene.Int(required=True, description="Lower ones are tried first.")


class RouteType(HouseType):
    """A public model name and where calls to it go."""

    class Meta:
        name = "Route"

    id = public_id()
    name = graphene.String(required=True)
    description = graphene.String(required=True)
    targets = graphene.List(graphene.NonNull(RouteTargetType), required=True)
    fallbacks = graphene.List(graphene.NonNull(graphene.String), required=True)
    sticky = graphene.String(required=True, description=STICKY)
    retries = graphene.Int(required=True)
    cache_seconds = graphene.Int(required=True)
    captures = graphene.Boolean(required=True)
    continues = graphene.Boolean(required=True)
    guardrails = graphene.List(graphene.NonNull(JSON), required=True)
    prompt = graphene.String(required=True)
    managed_by = graphene.String(
        required=True, description="The rollout that moves its weights, if any."
    )
    enabled = graphene.Boolean(required=True, source="is_enabled")
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_targets(route: Route, info: Any) -> list[RouteTarget]:
        return list(route.targets.all())


class RouteVersionType(HouseType):
    """A route as it stood at one revision."""

    class Meta:
        name = "RouteVersion"

    revision = graphene.Int(required=True)
    definition = JSON(required=True)
    created_at = DateTime(required=True)


class TargetInput(graphene.InputObjectType):
    deployment = graphene.String(required=True, description="A deployment's id or name.")
    weight = graphene.Float()
    priority = graphene.Int()


class RouteTerms(graphene.InputObjectType):
    """Everything of a route but its name and targets."""

    description = graphene.String()
    fallbacks = graphene.List(graphene.NonNull(graphene.String))
    sticky = graphene.String(description=STICKY)
    retries = graphene.Int()
    cache_seconds = graphene.Int()
    captures = graphene.Boolean()
    continues = graphene.Boolean()
    guardrails = graphene.List(graphene.NonNull(JSON))
    prompt = graphene.String(description="name@label or name@version")
    enabled = graphene.Boolean()


class RouteInput(RouteTerms):
    name = graphene.String(required=True)
    targets = graphene.List(graphene.NonNull(TargetInput), required=True)


class RouteChangeInput(RouteTerms):
    targets = graphene.List(graphene.NonNull(TargetInput))


class Query(graphene.ObjectType):
    route = HouseField(
        RouteType,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description="Its name, or its id."),
    )
    routes = ConnectionField(RouteType, permission=VIEW)
    route_versions = ConnectionField(
        RouteVersionType, permission=VIEW, name=graphene.String(required=True)
    )

    @staticmethod
    def resolve_route(root: Any, info: Any, *, name: str) -> Route:
        return routing.route(actor=actor_of(info), name=name)

    @staticmethod
    def resolve_routes(root: Any, info: Any) -> QuerySet[Route]:
        return routing.routes(actor=actor_of(info))

    @staticmethod
    def resolve_route_versions(root: Any, info: Any, *, name: str) -> QuerySet[RouteVersion]:
        return routing.route_versions(actor=actor_of(info), name=name)


class CreateRoute(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        input = RouteInput(required=True)

    route = graphene.Field(RouteType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateRoute:
        return cls(route=routes.create_route(actor=actor, **values_of(arguments["input"])))


class UpdateRoute(HouseMutation):
    """What is not named stays; `targets` are replaced as a whole."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        input = RouteChangeInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    route = graphene.Field(RouteType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateRoute:
        changed = routes.update_route(
            actor=actor,
            name=arguments["name"],
            expected_revision=arguments.get("expected_revision"),
            **values_of(arguments["input"]),
        )
        return cls(route=changed)


class RestoreRoute(HouseMutation):
    """Bring a route back as it stood at a revision, as a new one."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        revision = graphene.Int(required=True)
        expected_revision = graphene.Int(description=REVISION)

    route = graphene.Field(RouteType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RestoreRoute:
        return cls(route=routes.restore_route(actor=actor, **arguments))


class DeleteRoute(HouseMutation):
    """Remove a route that none falls back on."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        expected_revision = graphene.Int(description=REVISION)

    name = graphene.String(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteRoute:
        routes.remove_route(actor=actor, **arguments)
        return cls(name=arguments["name"])


class Mutation(graphene.ObjectType):
    create_route = CreateRoute.Field()
    update_route = UpdateRoute.Field()
    restore_route = RestoreRoute.Field()
    delete_route = DeleteRoute.Field()
