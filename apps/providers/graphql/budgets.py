"""Budgets in GraphQL: the same deeds as REST."""

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
from apps.providers.domain.budgets import ends_of, to_dollars
from apps.providers.enums import Period
from apps.providers.graphql.inputs import REVISION, values_of
from apps.providers.models import Budget
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import budgets as queries
from apps.providers.services import budgets

VIEW, MANAGE = ProvidersPermission.USAGE_VIEW, ProvidersPermission.BUDGET_MANAGE
NULLABLE = ("amount", "tokens")


class BudgetSpent(graphene.ObjectType):
    amount = graphene.Float(required=True, description="Dollars.")
    tokens = graphene.BigInt(required=True)


class BudgetType(HouseType):
    """A bound on what one subject may spend in a period."""

    class Meta:
        name = "Budget"

    id = public_id()
    scope = graphene.String(required=True, description="organization, key or end_user")
    subject = graphene.String(required=True, description="`*` is each end user by themselves.")
    period = graphene.String(required=True, description="day, month or total")
    amount = graphene.Float(description="Dollars; null is no bound.")
    tokens = graphene.BigInt()
    spent = graphene.Field(BudgetSpent, required=True)
    begins = graphene.Date(required=True)
    ends = graphene.Date()
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_spent(budget: Any, info: Any) -> BudgetSpent:
        amount = float(to_dollars(budget.spent_nano or 0))
        return BudgetSpent(amount=amount, tokens=budget.spent_tokens or 0)

    @staticmethod
    def resolve_ends(budget: Any, info: Any) -> Any:
        return ends_of(Period(budget.period), budget.begins)


class BudgetBoundsInput(graphene.InputObjectType):
    amount = graphene.Float(description="Dollars; null is no bound.")
    tokens = graphene.BigInt()


class BudgetCreateInput(BudgetBoundsInput):
    scope = graphene.String(required=True, description="organization, key or end_user")
    subject = graphene.String()
    period = graphene.String(required=True, description="day, month or total")


class Query(graphene.ObjectType):
    budget = HouseField(BudgetType, required=True, permission=VIEW, id=graphene.ID(required=True))
    budgets = ConnectionField(
        BudgetType, permission=VIEW, scope=graphene.String(), subject=graphene.String()
    )

    @staticmethod
    def resolve_budget(root: Any, info: Any, *, id: str) -> Budget:  # noqa: A002 - the argument's public name
        return queries.budget(actor=actor_of(info), budget_id=id)

    @staticmethod
    def resolve_budgets(
        root: Any, info: Any, *, scope: str | None = None, subject: str | None = None
    ) -> QuerySet[Budget]:
        return queries.budgets(actor=actor_of(info), scope=scope, subject=subject)


class CreateBudget(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        input = BudgetCreateInput(required=True)

    budget = graphene.Field(BudgetType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateBudget:
        given = values_of(arguments["input"], nullable=NULLABLE)
        return cls(budget=budgets.create_budget(actor=actor, **given))


class UpdateBudget(HouseMutation):
    """Change amount or tokens; what is not named stays."""

    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        input = BudgetBoundsInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    budget = graphene.Field(BudgetType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateBudget:
        changed = budgets.update_budget(
            actor=actor,
            budget_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **values_of(arguments["input"], nullable=NULLABLE),
        )
        return cls(budget=changed)


class DeleteBudget(HouseMutation):
    class Meta:
        permission = MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        expected_revision = graphene.Int(description=REVISION)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteBudget:
        budgets.remove_budget(
            actor=actor,
            budget_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
        )
        return cls(id=arguments["id"])


class Mutation(graphene.ObjectType):
    create_budget = CreateBudget.Field()
    update_budget = UpdateBudget.Field()
    delete_budget = DeleteBudget.Field()
