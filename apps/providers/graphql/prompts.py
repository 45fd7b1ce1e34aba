"""The prompt registry in GraphQL: the same deeds as REST."""

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
from apps.providers.domain.prompts import LATEST, variables_of
from apps.providers.graphql.inputs import REVISION, values_of
from apps.providers.models import Prompt, PromptLabel, PromptVersion
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import prompts as queries
from apps.providers.services import prompts

VIEW, MANAGE = ProvidersPermission.PROMPT_VIEW, ProvidersPermission.PROMPT_MANAGE
TAG = f"A version's number, a label, or {LATEST}."


class PromptLabelType(HouseType):
    class Meta:
        name = "PromptLabel"

    name = graphene.String(required=True)
    version = graphene.Int(required=True)

    @staticmethod
    def resolve_version(label: PromptLabel, info: Any) -> int:
        return label.version.number


class PromptType(HouseType):
    """A named text with variables, in versions."""

    class Meta:
        name = "Prompt"

    id = public_id()
    name = graphene.String(required=True)
    description = graphene.String(required=True)
    newest = graphene.Int(required=True, description="Number of its newest version.")
    labels = graphene.List(graphene.NonNull(PromptLabelType), required=True)
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_labels(prompt: Prompt, info: Any) -> list[PromptLabel]:
        return list(prompt.labels.all())


class PromptVersionType(HouseType):
    """One version, which never changes."""

    class Meta:
        name = "PromptVersion"

    version = graphene.Int(required=True, source="number")
    messages = graphene.List(graphene.NonNull(JSON), required=True)
    parameters = JSON(required=True)
    variables = graphene.List(graphene.NonNull(graphene.String), required=True)
    note = graphene.String(required=True)
    created_at = DateTime(required=True)

    @staticmethod
    def resolve_variables(version: PromptVersion, info: Any) -> list[str]:
        return variables_of(version.messages)


class RenderedPrompt(graphene.ObjectType):
    version = graphene.Int(required=True)
    messages = graphene.List(graphene.NonNull(JSON), required=True)
    parameters = JSON(required=True)


class PromptMessageInput(graphene.InputObjectType):
    role = graphene.String(required=True, description="system, developer, user or assistant")
    content = graphene.String(required=True, description="Text with {{variables}}.")


class PromptVersionInput(graphene.InputObjectType):
    messages = graphene.List(graphene.NonNull(PromptMessageInput), required=True)
    parameters = JSON()
    note = graphene.String()
    labels = graphene.List(graphene.NonNull(graphene.String), description="Move to this version.")


class PromptInput(PromptVersionInput):
    name = graphene.String(required=True)
    description = graphene.String()


class Query(graphene.ObjectType):
    prompt = HouseField(
        PromptType,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True, description="Its name, or its id."),
    )
    prompts = ConnectionField(PromptType, permission=VIEW)
    prompt_version = HouseField(
        PromptVersionType,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True),
        tag=graphene.String(default_value=LATEST, description=TAG),
    )
    prompt_versions = ConnectionField(
        PromptVersionType, permission=VIEW, name=graphene.String(required=True)
    )
    prompt_difference = HouseField(
        JSON,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True),
        before=graphene.String(required=True, description=TAG),
        after=graphene.String(default_value=LATEST, description=TAG),
    )
    rendered_prompt = HouseField(
        RenderedPrompt,
        required=True,
        permission=VIEW,
        name=graphene.String(required=True),
        tag=graphene.String(default_value=LATEST, description=TAG),
        variables=JSON(),
    )

    @staticmethod
    def resolve_prompt(root: Any, info: Any, *, name: str) -> Prompt:
        return queries.prompt(actor=actor_of(info), name=name)

    @staticmethod
    def resolve_prompts(root: Any, info: Any) -> QuerySet[Prompt]:
        return queries.prompts(actor=actor_of(info))

    @staticmethod
    def resolve_prompt_version(root: Any, info: Any, *, name: str, tag: str) -> PromptVersion:
        return queries.version(actor=actor_of(info), name=name, tag=tag)

    @staticmethod
    def resolve_prompt_versions(root: Any, info: Any, *, name: str) -> QuerySet[PromptVersion]:
        return queries.versions(actor=actor_of(info), name=name)

    @staticmethod
    def resolve_prompt_difference(
        root: Any, info: Any, *, name: str, before: str, after: str
    ) -> dict[str, Any]:
        return queries.difference(actor=actor_of(info), name=name, before=before, after=after)

    @staticmethod
    def resolve_rendered_prompt(
        root: Any, info: Any, *, name: str, tag: str, variables: Any = None
    ) -> dict[str, Any]:
        return queries.rendered(actor=actor_of(info), name=name, tag=tag, variables=variables)


class CreatePrompt(HouseMutation):
    """Make a prompt with its first version."""

    class Meta:
        permission = MANAGE

    class Arguments:
        input = PromptInput(required=True)

    prompt = graphene.Field(PromptType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreatePrompt:
        return cls(prompt=prompts.create_prompt(actor=actor, **values_of(arguments["input"])))


class AddPromptVersion(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        input = PromptVersionInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    version = graphene.Field(PromptVersionType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> AddPromptVersion:
        added = prompts.add_version(
            actor=actor,
            name=arguments["name"],
            expected_revision=arguments.get("expected_revision"),
            **values_of(arguments["input"]),
        )
        return cls(version=added)


class DescribePrompt(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        description = graphene.String(required=True)
        expected_revision = graphene.Int(description=REVISION)

    prompt = graphene.Field(PromptType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DescribePrompt:
        return cls(prompt=prompts.describe_prompt(actor=actor, **arguments))


class SetPromptLabel(HouseMutation):
    """Let a label name a version; routes that go by it follow within a second."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        label = graphene.String(required=True)
        version = graphene.Int(required=True)
        expected_revision = graphene.Int(description=REVISION)

    prompt = graphene.Field(PromptType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> SetPromptLabel:
        return cls(prompt=prompts.set_label(actor=actor, **arguments))


class RemovePromptLabel(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        label = graphene.String(required=True)
        expected_revision = graphene.Int(description=REVISION)

    prompt = graphene.Field(PromptType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RemovePromptLabel:
        return cls(prompt=prompts.remove_label(actor=actor, **arguments))


class DeletePrompt(HouseMutation):
    """Remove a prompt that no route uses, with all its versions."""

    class Meta:
        permission = MANAGE

    class Arguments:
        name = graphene.String(required=True)
        expected_revision = graphene.Int(description=REVISION)

    name = graphene.String(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeletePrompt:
        prompts.remove_prompt(actor=actor, **arguments)
        return cls(name=arguments["name"])


class Mutation(graphene.ObjectType):
    create_prompt = CreatePrompt.Field()
    add_prompt_version = AddPromptVersion.Field()
    describe_prompt = DescribePrompt.Field()
    set_prompt_label = SetPromptLabel.Field()
    remove_prompt_label = RemovePromptLabel.Field()
    delete_prompt = DeletePrompt.Field()
