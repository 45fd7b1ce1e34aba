"""Deployments in GraphQL: the same deeds as REST. Prices are dollars for a million tokens."""

from __future__ import annotations

from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.actor import Actor
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import DateTime, HouseType, public_id
from apps.providers.domain.terms import LIMITS, TIMEOUTS
from apps.providers.graphql.inputs import REVISION, values_of
from apps.providers.models import Deployment
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import deployments

VIEW, MANAGE = ProvidersPermission.VIEW, ProvidersPermission.MANAGE
PRICE = "Dollars for a million tokens."
NULLABLE = ("cached_input_price", "context_tokens", "max_output_tokens")


class ProviderName(graphene.ObjectType):
    """A provider as its deployments name it."""

    id = graphene.ID(required=True, source="public_id")
    name = graphene.String(required=True)
    kind = graphene.String(required=True)


class DeploymentLimits(graphene.ObjectType):
    rpm = graphene.Int(description="Calls a minute.")
    tpm = graphene.Int(description="Tokens a minute.")
    parallel = graphene.Int(description="Calls at the same time.")


class DeploymentTimeouts(graphene.ObjectType):
    """Seconds."""

    total = graphene.Float(required=True)
    first_token = graphene.Float(required=True)
    idle = graphene.Float(required=True)


class DeploymentType(HouseType):
    """One model at one provider."""

    class Meta:
        name = "Deployment"

    related = {"provider": "provider"}

    id = public_id()
    name = graphene.String(required=True)
    provider = graphene.Field(ProviderName, required=True)
    model = graphene.String(required=True)
    input_price = graphene.Float(required=True, description=PRICE)
    output_price = graphene.Float(required=True, description=PRICE)
    cached_input_price = graphene.Float(description="Null is the price of any other input.")
    context_tokens = graphene.Int()
    max_output_tokens = graphene.Int()
    capabilities = graphene.List(graphene.NonNull(graphene.String), required=True)
    limits = graphene.Field(DeploymentLimits, required=True)
    timeouts = graphene.Field(DeploymentTimeouts, required=True)
    enabled = graphene.Boolean(required=True, source="is_enabled")
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_limits(deployment: Deployment, info: Any) -> dict[str, Any]:
        return {word: getattr(deployment, column) for word, column in LIMITS.items()}

    @staticmethod
    def resolve_timeouts(deployment: Deployment, info: Any) -> dict[str, Any]:
        return {word: getattr(deployment, column) for word, (column, *_) in TIMEOUTS.items()}


class LimitsInput(graphene.InputObjectType):
    rpm = graphene.Int()
    tpm = graphene.Int()
    parallel = graphene.Int()


class TimeoutsInput(graphene.InputObjectType):
    total = graphene.Float()
    first_token = graphene.Float()
    idle = graphene.Float()


class DeploymentTerms(graphene.InputObjectType):
    """What a deployment is made with and may be changed to."""

    input_price = graphene.Float(description=f"{PRICE} What is known of the model by default.")
    output_price = graphene.Float(description=PRICE)
    cached_input_price = graphene.Float(description=PRICE)
    context_tokens = graphene.Int()
    max_output_tokens = graphene.Int()
    capabilities = graphene.List(graphene.NonNull(graphene.String))
    limits = LimitsInput()
    timeouts = TimeoutsInput()
    enabled = graphene.Boolean()


class DeploymentInput(DeploymentTerms):
    name = graphene.String(required=True)
    provider = graphene.String(required=True, description="A provider's id or name.")
    model = graphene.String(required=True, description="As the provider calls it.")


class DeploymentChangeInput(DeploymentTerms):
    name = graphene.String()
    model = graphene.String()


class Query(graphene.ObjectType):
    deployment = HouseField(
        DeploymentType, required=True, permission=VIEW, id=graphene.ID(required=True)
    )
    deployments = ConnectionField(
        DeploymentType,
        permission=VIEW,
        provider=graphene.String(description="Id or name."),
        model=graphene.String(),
    )

    @staticmethod
    def resolve_deployment(root: Any, info: Any, *, id: str) -> Deployment:  # noqa: A002 - the argument's public name
        return routing.deployment(actor=actor_of(info), deployment_id=id)

    @staticmethod
    def resolve_deployments(
        root: Any, info: Any, *, provider: str | None = None, model: str | None = None
    ) -> QuerySet[Deployment]:
        return routing.deployments(actor=actor_of(info), provider=provider, model=model)


class CreateDeployment(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        input = DeploymentInput(required=True)

    deployment = graphene.Field(DeploymentType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateDeployment:
        given = values_of(arguments["input"], nullable=NULLABLE)
        return cls(deployment=deployments.create_deployment(actor=actor, **given))


class UpdateDeployment(HouseMutation):
    """What is not named stays; `limits` are replaced as a whole."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        input = DeploymentChangeInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    deployment = graphene.Field(DeploymentType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateDeployment:
        changed = deployments.update_deployment(
            actor=actor,
            deployment_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **values_of(arguments["input"], nullable=NULLABLE),
        )
        return cls(deployment=changed)


class DeleteDeployment(HouseMutation):
    """Remove a deployment that no route goes to."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        expected_revision = graphene.Int(description=REVISION)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteDeployment:
        deployments.remove_deployment(
            actor=actor,
            deployment_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
        )
        return cls(id=arguments["id"])


class Mutation(graphene.ObjectType):
    create_deployment = CreateDeployment.Field()
    update_deployment = UpdateDeployment.Field()
    delete_deployment = DeleteDeployment.Field()
