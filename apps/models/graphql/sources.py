"""The registries that models are followed from, in GraphQL: the same deeds as REST. No field holds a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime, HouseType, public_id
from apps.models.enums import SourceAuth
from apps.models.models import MlflowSource
from apps.models.permissions import ModelsPermission
from apps.models.queries import sources as queries
from apps.models.services import sources

VIEW, MANAGE = ModelsPermission.VIEW, ModelsPermission.SOURCE_MANAGE
REVISION = "The revision the change is based on; STALE when it is no longer the present one."
AUTH = ", ".join(SourceAuth)
FOLLOWS = "A list of {model, alias or stage, as}."


class MlflowSourceType(HouseType):
    """An MLflow server whose models are followed, without its credential."""

    class Meta:
        name = "MlflowSource"

    id = public_id()
    name = graphene.String(required=True)
    url = graphene.String(required=True)
    auth = graphene.String(required=True, description=AUTH)
    username = graphene.String(required=True)
    has_credential = graphene.Boolean(required=True)
    credential_hint = graphene.String(
        required=True, description="Its last four characters, if it is long."
    )
    follows = JSON(required=True, description=FOLLOWS)
    every_seconds = graphene.Int(required=True)
    enabled = graphene.Boolean(required=True, source="is_enabled")
    next_at = DateTime(required=True)
    synced_at = DateTime()
    sync_error = graphene.String(required=True)
    outcomes = JSON(required=True, description="Of the last run, one for each that is followed.")
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_has_credential(source: MlflowSource, info: Any) -> bool:
        return bool(source.credential)


class MlflowSourceInput(graphene.InputObjectType):
    name = graphene.String(required=True)
    url = graphene.String(required=True)
    auth = graphene.String(description=AUTH)
    username = graphene.String()
    credential = graphene.String(description="Kept encrypted, never shown again.")
    follows = JSON(description=FOLLOWS)
    every_seconds = graphene.Int()
    enabled = graphene.Boolean()


class MlflowSourceChangeInput(graphene.InputObjectType):
    name = graphene.String()
    url = graphene.String(
        description="Another host drops the credential, unless a new one comes with it."
    )
    auth = graphene.String(description=AUTH)
    username = graphene.String()
    credential = graphene.String()
    follows = JSON(description=FOLLOWS)
    every_seconds = graphene.Int()
    enabled = graphene.Boolean()


class Query(graphene.ObjectType):
    mlflow_source = HouseField(
        MlflowSourceType, required=True, permission=VIEW, id=graphene.ID(required=True)
    )
    mlflow_sources = ConnectionField(MlflowSourceType, permission=VIEW)

    @staticmethod
    def resolve_mlflow_source(root: Any, info: Any, *, id: str) -> MlflowSource:  # noqa: A002 - the argument's public name
        return queries.source(actor=actor_of(info), source_id=id)

    @staticmethod
    def resolve_mlflow_sources(root: Any, info: Any) -> QuerySet[MlflowSource]:
        return queries.sources(actor=actor_of(info))


class CreateMlflowSource(HouseMutation):
    """Follow models of an MLflow registry."""

    class Meta:
        permission = MANAGE

    class Arguments:
        input = MlflowSourceInput(required=True)

    source = graphene.Field(MlflowSourceType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateMlflowSource:
        given = _values(arguments["input"])
        return cls(source=sources.create_source(actor=actor, **given))


class UpdateMlflowSource(HouseMutation):
    """What is not named stays. Whoever changes it is its owner from then on."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        input = MlflowSourceChangeInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    source = graphene.Field(MlflowSourceType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateMlflowSource:
        changed = sources.change_source(
            actor=actor,
            source_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **_values(arguments["input"]),
        )
        return cls(source=changed)


class DeleteMlflowSource(HouseMutation):
    """Follow it no longer; what was imported stays."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        expected_revision = graphene.Int(description=REVISION)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteMlflowSource:
        sources.remove_source(
            actor=actor,
            source_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
        )
        return cls(id=arguments["id"])


class SyncMlflowSource(HouseMutation):
    """Look now."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    job_id = graphene.ID(required=True, description="The job that does it, or that is at it.")

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> SyncMlflowSource:
        job = sources.sync_source(actor=actor, source_id=arguments["id"])
        return cls(job_id=job.public_id)


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is left out is left out; null is no word for that."""
    values = dict(given)
    for name, value in values.items():
        if value is None:
            raise Invalid.field(f"input.{name}", "may be left out but not null", "null")
    if "enabled" in values:
        values["is_enabled"] = values.pop("enabled")
    return values


class Mutation(graphene.ObjectType):
    create_mlflow_source = CreateMlflowSource.Field()
    update_mlflow_source = UpdateMlflowSource.Field()
    delete_mlflow_source = DeleteMlflowSource.Field()
    sync_mlflow_source = SyncMlflowSource.Field()
