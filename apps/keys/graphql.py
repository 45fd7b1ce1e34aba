"""API keys in GraphQL: the same deeds as REST. A secret stands in the answer that made it and nowhere else."""

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
from apps.keys.domain.terms import check_role
from apps.keys.models import ApiKey
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys as queries
from apps.keys.services import keys

REVISION = "The revision the change is based on; STALE when it is no longer the present one."
ROLE = "admin, user, viewer or service"
SECRET = "The secret. It is shown this once."  # noqa: S105 - a description


class KeyOwner(graphene.ObjectType):
    """The user or service account a key belongs to."""

    id = graphene.ID(required=True, source="public_id")
    name = graphene.String(required=True)

    @staticmethod
    def resolve_name(owner: Any, info: Any) -> str:
        return str(owner.name or owner.email)


class KeyBudget(graphene.ObjectType):
    amount = graphene.Float(description="Dollars; null is no bound.")
    tokens = graphene.BigInt()
    period = graphene.String(required=True, description="day, month or total")


class ApiKeyType(HouseType):
    """A key, without its secret."""

    class Meta:
        name = "ApiKey"

    id = public_id()
    name = graphene.String(required=True)
    prefix = graphene.String(required=True)
    hint = graphene.String(required=True, description="The last four characters of the secret.")
    role = graphene.String(required=True, description=ROLE)
    approver = graphene.Boolean(required=True, source="is_approver")
    owner = graphene.Field(KeyOwner, required=True)
    state = graphene.String(required=True, description="active, expired or revoked")
    limits = JSON(required=True, description='Class of call to rate: {"default": "100/m"}.')
    addresses = graphene.List(graphene.NonNull(graphene.String), required=True)
    models = graphene.List(
        graphene.NonNull(graphene.String), source="model_names", description="Null is every model."
    )
    budget = graphene.Field(KeyBudget)
    cache_seconds = graphene.Int(required=True)
    expires_at = DateTime()
    last_used_at = DateTime()
    revoked_at = DateTime()
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_owner(key: ApiKey, info: Any) -> Any:
        return key.user or key.service_account


class BudgetInput(graphene.InputObjectType):
    amount = graphene.Float(description="Dollars.")
    tokens = graphene.BigInt()
    period = graphene.String(required=True, description="day, month or total")


class KeyTerms(graphene.InputObjectType):
    """The terms of a key; every one may be left out."""

    expires_at = DateTime()
    limits = JSON(
        description='Class of call to rate: {"default": "100/m"}; `all` sets every class.'
    )
    addresses = graphene.List(graphene.NonNull(graphene.String))
    models = graphene.List(graphene.NonNull(graphene.String))
    budget = BudgetInput()
    cache_seconds = graphene.Int(
        description="How long answers of models are kept for it where a route says nothing."
    )


class CreateApiKeyInput(KeyTerms):
    name = graphene.String(required=True)
    role = graphene.String(required=True, description=ROLE)
    approver = graphene.Boolean(description="Carry the approver grant, if its maker holds it.")
    owner = graphene.ID(description="A user or service account; yourself by default.")
    prefix = graphene.String()


class UpdateApiKeyInput(KeyTerms):
    name = graphene.String()


class Query(graphene.ObjectType):
    key = HouseField(
        ApiKeyType, required=True, permission=KeyPermission.VIEW, id=graphene.ID(required=True)
    )
    keys = ConnectionField(
        ApiKeyType,
        permission=KeyPermission.VIEW,
        state=graphene.String(description="active, expired or revoked"),
        role=graphene.String(description=ROLE),
        owner=graphene.ID(description="Id of a user or service account."),
        q=graphene.String(description="A part of the name."),
    )

    @staticmethod
    def resolve_key(root: Any, info: Any, *, id: str) -> ApiKey:  # noqa: A002 - the argument's public name
        return queries.key(actor=actor_of(info), key_id=id)

    @staticmethod
    def resolve_keys(root: Any, info: Any, **asked: str | None) -> QuerySet[ApiKey]:
        return queries.visible_keys(actor=actor_of(info), **asked)


class CreateApiKey(HouseMutation):
    class Meta:
        permission = KeyPermission.CREATE

    class Arguments:
        input = CreateApiKeyInput(required=True)

    key = graphene.Field(ApiKeyType, required=True)
    secret = graphene.String(required=True, description=SECRET)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateApiKey:
        asked = dict(arguments["input"])
        issued = keys.issue_key(
            actor=actor,
            role=check_role(asked.pop("role")),
            is_approver=bool(asked.pop("approver", False)),
            owner_id=asked.pop("owner", None),
            **asked,
        )
        return cls(key=issued.key, secret=issued.secret)


class UpdateApiKey(HouseMutation):
    """What is not named stays; null takes a restriction away."""

    class Meta:
        permission = KeyPermission.MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        input = UpdateApiKeyInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    key = graphene.Field(ApiKeyType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateApiKey:
        changes = dict(arguments["input"])
        if not changes:
            raise Invalid.field("input", "must name a field to change", "required")
        if changes.get("name", "") is None:
            raise Invalid.field("input.name", "may be left out but not null", "null")
        key = keys.update_key(
            actor=actor,
            key_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **changes,
        )
        return cls(key=key)


class RotateApiKey(HouseMutation):
    """Give a key a new secret; the old one works for the grace."""

    class Meta:
        permission = KeyPermission.MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        grace_seconds = graphene.Int(default_value=0)

    key = graphene.Field(ApiKeyType, required=True)
    secret = graphene.String(required=True, description=SECRET)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RotateApiKey:
        issued = keys.rotate_key(
            actor=actor, key_id=arguments["id"], grace_seconds=arguments["grace_seconds"] or 0
        )
        return cls(key=issued.key, secret=issued.secret)


class RevokeApiKey(HouseMutation):
    """End a key for good; again is no error."""

    class Meta:
        permission = KeyPermission.MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    key = graphene.Field(ApiKeyType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RevokeApiKey:
        return cls(key=keys.revoke_key(actor=actor, key_id=arguments["id"]))


class Mutation(graphene.ObjectType):
    create_api_key = CreateApiKey.Field()
    update_api_key = UpdateApiKey.Field()
    rotate_api_key = RotateApiKey.Field()
    revoke_api_key = RevokeApiKey.Field()
