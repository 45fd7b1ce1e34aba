"""The registry in GraphQL: the deeds of REST, but for uploads, whose bytes come in parts there."""

from __future__ import annotations

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
from apps.models.enums import Stage
from apps.models.models import ModelAlias, ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.services import aliases, registry, stages, versions

VIEW, MANAGE = ModelsPermission.VIEW, ModelsPermission.MANAGE
REVISION = "The revision the change is based on; STALE when it is no longer the present one."
NAME = "Its name, or its id."
TAG = "A version's name or number, @alias, latest, production or staging."


class ModelAliasType(HouseType):
    class Meta:
        name = "ModelAlias"

    name = graphene.String(required=True)
    version = graphene.String(required=True)

    @staticmethod
    def resolve_version(alias: ModelAlias, info: Any) -> str:
        return alias.version.label


class ModelType(HouseType):
    """A registered model."""

    class Meta:
        name = "Model"

    id = public_id()
    name = graphene.String(required=True)
    description = graphene.String(required=True)
    tags = JSON(required=True)
    current_version = graphene.String(description="In production.", source="current")
    latest_version = graphene.String(source="newest")
    version_count = graphene.Int(required=True, source="count")
    aliases = graphene.List(graphene.NonNull(ModelAliasType), required=True)
    managed_by = graphene.String(required=True)
    log_share = graphene.Float(
        required=True, description="Of its predictions, what the log keeps: 0 to 1."
    )
    created_at = DateTime(required=True)
    updated_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_aliases(model: RegisteredModel, info: Any) -> list[ModelAlias]:
        return list(model.aliases.all())


class ModelVersionType(HouseType):
    """One version: its file and its schema never change."""

    class Meta:
        name = "ModelVersion"

    id = public_id()
    model = graphene.String(required=True)
    version = graphene.String(required=True, source="label")
    number = graphene.Int(required=True)
    stage = graphene.String(required=True)
    status = graphene.String(required=True)
    refusal = JSON()
    format = graphene.String(required=True)
    task = graphene.String(required=True)
    digest = graphene.String(required=True)
    size = graphene.Float(required=True, description="Bytes.")
    feature_schema = JSON(required=True)
    input_example = JSON()
    background_rows = graphene.Int(
        required=True, description="How many rows explanations are told against."
    )
    metrics = JSON(required=True)
    lineage = JSON(required=True)
    description = graphene.String(required=True)
    tags = JSON(required=True)
    aliases = graphene.List(graphene.NonNull(graphene.String), required=True)
    created_at = DateTime(required=True)
    updated_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_background_rows(version: ModelVersion, info: Any) -> int:
        return len(version.background)

    @staticmethod
    def resolve_model(version: ModelVersion, info: Any) -> str:
        return version.model.name

    @staticmethod
    def resolve_aliases(version: ModelVersion, info: Any) -> list[str]:
        return [alias.name for alias in version.aliases.all()]


class Query(graphene.ObjectType):
    model = HouseField(
        ModelType,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
    )
    models = ConnectionField(ModelType, permission=VIEW)
    model_version = HouseField(
        ModelVersionType,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
        version=graphene.String(default_value=queries.LATEST, description=TAG),
    )
    model_versions = ConnectionField(
        ModelVersionType,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
    )
    model_comparison = HouseField(
        JSON,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description=NAME),
        first=graphene.String(required=True, description=TAG),
        second=graphene.String(default_value=queries.LATEST, description=TAG),
    )

    @staticmethod
    def resolve_model(root: Any, info: Any, *, name: str) -> RegisteredModel:
        return queries.model(actor=actor_of(info), name=name)

    @staticmethod
    def resolve_models(root: Any, info: Any) -> QuerySet[RegisteredModel]:
        return queries.models(actor=actor_of(info))

    @staticmethod
    def resolve_model_version(root: Any, info: Any, *, name: str, version: str) -> ModelVersion:
        return queries.version(actor=actor_of(info), name=name, tag=version)

    @staticmethod
    def resolve_model_versions(root: Any, info: Any, *, name: str) -> QuerySet[ModelVersion]:
        return queries.versions(actor=actor_of(info), name=name)

    @staticmethod
    def resolve_model_comparison(
        root: Any, info: Any, *, name: str, first: str, second: str
    ) -> dict[str, Any]:
        return queries.comparison(actor=actor_of(info), name=name, tags=(first, second))


class ModelInput(graphene.InputObjectType):
    name = graphene.String(required=True)
    description = graphene.String()
    tags = JSON()


class CreateModel(HouseMutation):
    """Register a model."""

    class Meta:
        permission = MANAGE

    class Arguments:
        input = ModelInput(required=True)

    model = graphene.Field(ModelType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateModel:
        given = {name: value for name, value in arguments["input"].items() if value is not None}
        return cls(model=registry.register_model(actor=actor, **given))


class UpdateModel(HouseMutation):
    """Describe a model anew."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True, description=NAME)
        description = graphene.String()
        tags = JSON()
        log_share = graphene.Float(description="0 to 1.")
        expected_revision = graphene.Int(description=REVISION)

    model = graphene.Field(ModelType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateModel:
        return cls(model=registry.change_model(actor=actor, **arguments))


class DeleteModel(HouseMutation):
    """Remove a model of which no version is in production, with all its versions."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True, description=NAME)
        expected_revision = graphene.Int(description=REVISION)

    name = graphene.String(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteModel:
        registry.remove_model(actor=actor, **arguments)
        return cls(name=arguments["name"])


class UpdateModelVersion(HouseMutation):
    """Say something else of a version."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True, description=NAME)
        version = graphene.String(required=True, description=TAG)
        description = graphene.String()
        tags = JSON()
        metrics = JSON()
        expected_revision = graphene.Int(description=REVISION)

    version = graphene.Field(ModelVersionType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateModelVersion:
        tag = arguments.pop("version")
        return cls(version=versions.change_version(actor=actor, tag=tag, **arguments))


class SetModelStage(HouseMutation):
    """Move a version to a stage; production archives the one that was there, or asks for approval first."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True, description=NAME)
        version = graphene.String(required=True, description=TAG)
        stage = graphene.String(required=True, description="None, Staging, Production, Archived")
        expected_revision = graphene.Int(description=REVISION)

    version = graphene.Field(ModelVersionType, required=True)
    approval_id = graphene.ID(description="What it waits for; null when it is done.")

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> SetModelStage:
        moved = stages.set_stage(
            actor=actor,
            name=arguments["name"],
            tag=arguments["version"],
            stage=read_stage(arguments["stage"]),
            expected_revision=arguments.get("expected_revision"),
        )
        return cls(version=moved.version, approval_id=moved.approval_id)


def read_stage(text: str) -> Stage:
    if text not in set(Stage):
        raise Invalid.field("stage", f"must be among: {', '.join(Stage)}", "choice")
    return Stage(text)


class DeleteModelVersion(HouseMutation):
    """Remove a version that is not in production and that no alias names, with its file."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True, description=NAME)
        version = graphene.String(required=True, description=TAG)
        expected_revision = graphene.Int(description=REVISION)

    version = graphene.String(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteModelVersion:
        tag = arguments.pop("version")
        versions.remove_version(actor=actor, tag=tag, **arguments)
        return cls(version=tag)


class SetModelAlias(HouseMutation):
    """Let an alias name a version, or ask for approval first."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True, description=NAME)
        alias = graphene.String(required=True)
        version = graphene.String(required=True, description=TAG)
        expected_revision = graphene.Int(description=REVISION)

    model = graphene.Field(ModelType, required=True)
    approval_id = graphene.ID(description="What it waits for; null when it is done.")

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> SetModelAlias:
        tag = arguments.pop("version")
        moved = aliases.set_alias(actor=actor, tag=tag, **arguments)
        return cls(model=moved.model, approval_id=moved.approval_id)


class RemoveModelAlias(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True, description=NAME)
        alias = graphene.String(required=True)
        expected_revision = graphene.Int(description=REVISION)

    model = graphene.Field(ModelType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RemoveModelAlias:
        return cls(model=aliases.remove_alias(actor=actor, **arguments))


class Mutation(graphene.ObjectType):
    create_model = CreateModel.Field()
    update_model = UpdateModel.Field()
    delete_model = DeleteModel.Field()
    update_model_version = UpdateModelVersion.Field()
    set_model_stage = SetModelStage.Field()
    delete_model_version = DeleteModelVersion.Field()
    set_model_alias = SetModelAlias.Field()
    remove_model_alias = RemoveModelAlias.Field()
