"""Providers in GraphQL: the same deeds as REST. No field holds a credential."""

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
from apps.providers.enums import ProviderKind
from apps.providers.graphql.deployments import DeploymentType
from apps.providers.graphql.inputs import REVISION, values_of
from apps.providers.models import Provider
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services import connections, providers

VIEW, MANAGE = ProvidersPermission.VIEW, ProvidersPermission.MANAGE
KIND = ", ".join(ProviderKind)
SECONDS = 4.0
"""A call out is shorter here: a whole operation has five seconds."""


class ProviderType(HouseType):
    """A server that has models, without its credential."""

    class Meta:
        name = "Provider"

    id = public_id()
    name = graphene.String(required=True)
    kind = graphene.String(required=True, description=KIND)
    base_url = graphene.String(required=True)
    has_credential = graphene.Boolean(required=True)
    credential_hint = graphene.String(
        required=True, description="Its last four characters, if it is long."
    )
    options = JSON(required=True)
    enabled = graphene.Boolean(required=True, source="is_enabled")
    deployment_count = graphene.Int(required=True)
    checked_at = DateTime(description="When its connection was tried last.")
    check_error = graphene.String(required=True, description="Empty when it was well.")
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_has_credential(provider: Any, info: Any) -> bool:
        return bool(provider.credential_length)


class OfferedModel(graphene.ObjectType):
    """A model that a provider says it has."""

    name = graphene.String(required=True)
    context_tokens = graphene.Int()


class OfferedModels(graphene.ObjectType):
    """At most 500 of them, by name."""

    models = graphene.List(graphene.NonNull(OfferedModel), required=True)


class ProviderInput(graphene.InputObjectType):
    name = graphene.String(required=True)
    kind = graphene.String(required=True, description=KIND)
    base_url = graphene.String()
    api_key = graphene.String(description="Kept encrypted, never shown again.")
    options = JSON()
    enabled = graphene.Boolean()


class ProviderChangeInput(graphene.InputObjectType):
    name = graphene.String()
    base_url = graphene.String(
        description="Another host drops the credential, unless a new one comes with it."
    )
    api_key = graphene.String()
    options = JSON()
    enabled = graphene.Boolean()


class Query(graphene.ObjectType):
    provider = HouseField(
        ProviderType, required=True, permission=VIEW, id=graphene.ID(required=True)
    )
    providers = ConnectionField(ProviderType, permission=VIEW)
    provider_models = HouseField(
        OfferedModels,
        required=True,
        permission=MANAGE,
        id=graphene.ID(required=True),
        description="Asks the provider, with its credential.",
    )

    @staticmethod
    def resolve_provider(root: Any, info: Any, *, id: str) -> Provider:  # noqa: A002 - the argument's public name
        return routing.provider(actor=actor_of(info), provider_id=id)

    @staticmethod
    def resolve_providers(root: Any, info: Any) -> QuerySet[Provider]:
        return routing.providers(actor=actor_of(info))

    @staticmethod
    def resolve_provider_models(root: Any, info: Any, *, id: str) -> dict[str, Any]:  # noqa: A002 - as above
        found = connections.offered_models(actor=actor_of(info), provider_id=id, seconds=SECONDS)
        return {"models": found}


class CreateProvider(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        input = ProviderInput(required=True)

    provider = graphene.Field(ProviderType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateProvider:
        given = values_of(arguments["input"])
        return cls(provider=providers.create_provider(actor=actor, **given))


class UpdateProvider(HouseMutation):
    """What is not named stays."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        input = ProviderChangeInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    provider = graphene.Field(ProviderType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateProvider:
        changed = providers.update_provider(
            actor=actor,
            provider_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **values_of(arguments["input"]),
        )
        return cls(provider=changed)


class DeleteProvider(HouseMutation):
    """Remove a provider that has no deployments."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        expected_revision = graphene.Int(description=REVISION)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteProvider:
        providers.remove_provider(
            actor=actor,
            provider_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
        )
        return cls(id=arguments["id"])


class TestProvider(HouseMutation):
    """Try a provider's connection: a real call with the credential."""

    __test__ = False

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    provider = graphene.Field(ProviderType, required=True)
    ok = graphene.Boolean(required=True)
    error = graphene.String(required=True)
    models = graphene.Int(required=True, description="How many it says it has.")
    milliseconds = graphene.Float(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> TestProvider:
        check = connections.check_connection(
            actor=actor, provider_id=arguments["id"], seconds=SECONDS
        )
        return cls(
            provider=check.provider,
            ok=not check.error,
            error=check.error,
            models=check.models,
            milliseconds=check.milliseconds,
        )


class DiscoverDeployments(HouseMutation):
    """Make a deployment for each of a provider's models, or for those that are named."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        models = graphene.List(graphene.NonNull(graphene.String))

    created = graphene.List(graphene.NonNull(DeploymentType), required=True)
    skipped = graphene.List(
        graphene.NonNull(graphene.String),
        required=True,
        description="Models that had a deployment already.",
    )

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DiscoverDeployments:
        found = connections.discover_deployments(
            actor=actor,
            provider_id=arguments["id"],
            models=arguments.get("models"),
            seconds=SECONDS,
        )
        return cls(created=found.created, skipped=found.skipped)


class Mutation(graphene.ObjectType):
    create_provider = CreateProvider.Field()
    update_provider = UpdateProvider.Field()
    delete_provider = DeleteProvider.Field()
    test_provider = TestProvider.Field()
    discover_deployments = DiscoverDeployments.Field()
