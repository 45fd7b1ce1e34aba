"""The REST door of budgets: of the organization, of keys, of end users."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.fields import WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet
from apps.providers.domain.budgets import ends_of, to_dollars
from apps.providers.enums import BudgetScope, Period
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import budgets as queries
from apps.providers.rest.fields import PriceField
from apps.providers.services import budgets

VIEW, MANAGE = ProvidersPermission.USAGE_VIEW, ProvidersPermission.BUDGET_MANAGE
SCOPES, PERIODS = [str(scope) for scope in BudgetScope], [str(period) for period in Period]
BUDGET: dict[str, Any] = {
    "id": "budget_6a5c4d0b7e8a1c5d2f4e6a9c3b1d8f7e",
    "scope": "organization",
    "subject": "",
    "period": "month",
    "amount": 250.0,
    "tokens": None,
    "spent": {"amount": 17.25, "tokens": 5_310_000},
    "begins": "2026-01-01",
    "ends": "2026-02-01",
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 1,
}
ONE = OpenApiExample("A budget", BUDGET, response_only=True)
ASKED = OpenApiExample(
    "Five dollars a day for each end user",
    {"scope": "end_user", "subject": "*", "period": "day", "amount": 5},
    request_only=True,
)
SUBJECT = (
    "Empty for the organization, a key's id, or an end user's name; `*` is each by themselves."
)


class BoundsBody(BodySerializer):
    amount = PriceField(required=False, allow_null=True, help_text="Dollars; null is no bound.")
    tokens = WholeNumberField(required=False, allow_null=True)


class BudgetBody(BoundsBody):
    scope = serializers.ChoiceField(choices=SCOPES)
    subject = CleanCharField(
        max_length=255, required=False, allow_blank=True, default="", help_text=SUBJECT
    )
    period = serializers.ChoiceField(choices=PERIODS)


class SpentSerializer(ReadSerializer):
    amount = serializers.FloatField()
    tokens = serializers.IntegerField()


class BudgetSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    scope = serializers.ChoiceField(choices=SCOPES)
    subject = serializers.CharField()
    period = serializers.ChoiceField(choices=PERIODS)
    amount = serializers.FloatField(allow_null=True)
    tokens = serializers.IntegerField(allow_null=True)
    spent = serializers.SerializerMethodField()
    begins = serializers.DateField()
    ends = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_amount(budget: Any) -> float | None:
        return None if budget.amount is None else float(budget.amount)

    @staticmethod
    def get_spent(budget: Any) -> SpentSerializer:
        amount = float(to_dollars(budget.spent_nano or 0))
        return {"amount": amount, "tokens": budget.spent_tokens or 0}  # type: ignore[return-value]  # the annotation is the documented shape

    @staticmethod
    def get_ends(budget: Any) -> str | None:
        ends = ends_of(Period(budget.period), budget.begins)
        return None if ends is None else ends.isoformat()


class BudgetViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "create": Door(MANAGE),
        "retrieve": Door(VIEW),
        "partial_update": Door(MANAGE),
        "destroy": Door(MANAGE),
    }
    serializer_class = BudgetSerializer

    @extend_schema(
        summary="The organisation's budgets and what was spent of each",
        parameters=[
            OpenApiParameter("scope", str, enum=SCOPES),
            OpenApiParameter("subject", str, description=SUBJECT),
        ],
        examples=[ONE],
    )
    def list(self, request: Any) -> Response:
        query = request.query_params
        found = queries.budgets(
            actor=self.actor, scope=query.get("scope"), subject=query.get("subject")
        )
        return self.page(found, BudgetSerializer, ordering=("created_at", "period", "scope"))

    @extend_schema(
        summary="Set a budget",
        description="What was spent since the period began counts already.",
        request=BudgetBody,
        responses={201: BudgetSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = budgets.create_budget(actor=self.actor, **self.read(BudgetBody))
        return self.present(made, BudgetSerializer, status=201)

    @extend_schema(summary="One budget", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(queries.budget(actor=self.actor, budget_id=id), BudgetSerializer)

    @extend_schema(
        summary="Change a budget's amount or tokens",
        request=BoundsBody,
        responses=BudgetSerializer,
        examples=[OpenApiExample("Twice as much", {"amount": 500}, request_only=True), ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = budgets.update_budget(
            actor=self.actor,
            budget_id=id,
            expected_revision=self.expected_revision(),
            **self.read(BoundsBody),
        )
        return self.present(changed, BudgetSerializer)

    @extend_schema(summary="Lift a budget", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        budgets.remove_budget(
            actor=self.actor, budget_id=id, expected_revision=self.expected_revision()
        )
        return self.nothing()
