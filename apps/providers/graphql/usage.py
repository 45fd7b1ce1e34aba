"""Usage in GraphQL: sums by what is asked for, and the log of calls."""

from __future__ import annotations

from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.types import DateTime, HouseType
from apps.core.pagination import MAX_LIMIT
from apps.providers.domain.budgets import to_dollars
from apps.providers.domain.usage_table import GROUPS, UsageRow, total_of
from apps.providers.models import UsageRecord
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import usage

VIEW = ProvidersPermission.USAGE_VIEW
MOST_ROWS = MAX_LIMIT


class Quantiles(graphene.ObjectType):
    """Milliseconds, within one hundredth."""

    p50 = graphene.Float()
    p95 = graphene.Float()
    p99 = graphene.Float()


class UsageFigures(graphene.ObjectType):
    """One group; of day, hour, model, key, provider and deployment those are there that it was grouped by."""

    day = graphene.String()
    hour = graphene.String()
    model = graphene.String()
    key = graphene.String()
    key_name = graphene.String()
    provider = graphene.String()
    deployment = graphene.String()
    requests = graphene.BigInt(required=True)
    errors = graphene.BigInt(required=True)
    cached = graphene.BigInt(required=True)
    prompt_tokens = graphene.BigInt(required=True)
    completion_tokens = graphene.BigInt(required=True)
    cost = graphene.Float(required=True, description="Dollars.")
    duration_ms = graphene.Field(Quantiles, required=True)
    first_token_ms = graphene.Field(Quantiles, required=True)

    @staticmethod
    def _resolve_group(row: UsageRow, info: Any) -> str | None:
        return row.group.get(_snake(info.field_name))

    resolve_day = resolve_hour = resolve_model = resolve_key = _resolve_group
    resolve_key_name = resolve_provider = resolve_deployment = _resolve_group


class UsageReport(graphene.ObjectType):
    rows = graphene.List(graphene.NonNull(UsageFigures), required=True)
    total = graphene.Int(required=True, description="How many groups there are.")
    totals = graphene.Field(UsageFigures, required=True)


class ModelCallType(HouseType):
    """One call of a model, as it was recorded."""

    class Meta:
        name = "ModelCall"

    id = graphene.ID(required=True, source="record")
    request_id = graphene.String(required=True)
    at = DateTime(required=True)
    model = graphene.String(required=True)
    deployment = graphene.String(required=True)
    provider = graphene.String(required=True)
    operation = graphene.String(required=True)
    status = graphene.String(required=True)
    error_code = graphene.String(required=True)
    key = graphene.String(required=True)
    key_name = graphene.String(required=True)
    end_user = graphene.String(required=True)
    stream = graphene.Boolean(required=True, source="is_stream")
    cached = graphene.Boolean(required=True, source="is_cached")
    estimated = graphene.Boolean(required=True, source="is_estimated")
    attempts = graphene.Int(required=True)
    prompt_tokens = graphene.BigInt(required=True)
    completion_tokens = graphene.BigInt(required=True)
    cached_tokens = graphene.BigInt(required=True)
    cost = graphene.Float(required=True, description="Dollars.")
    duration_ms = graphene.Float(required=True)
    first_token_ms = graphene.Float()
    overhead_ms = graphene.Float(required=True)

    @staticmethod
    def resolve_cost(call: UsageRecord, info: Any) -> float:
        return float(to_dollars(call.cost_nano))


class Query(graphene.ObjectType):
    usage = HouseField(
        UsageReport,
        required=True,
        permission=VIEW,
        description=f"The first {MOST_ROWS} groups; `totals` sums up all.",
        group_by=graphene.List(
            graphene.NonNull(graphene.String), description=f"Some of {', '.join(GROUPS)}."
        ),
        begins=graphene.String(name="from", description="A day or an ISO 8601 moment."),
        ends=graphene.String(name="to", description="Left out; a day is taken whole."),
        model=graphene.String(),
        key=graphene.String(),
        provider=graphene.String(),
        deployment=graphene.String(),
        ordering=graphene.String(),
    )
    model_calls = ConnectionField(
        ModelCallType,
        permission=VIEW,
        model=graphene.String(),
        key=graphene.String(),
        status=graphene.String(),
    )

    @staticmethod
    def resolve_usage(root: Any, info: Any, **asked: Any) -> dict[str, Any]:
        ordering = asked.pop("ordering", None)
        query = {
            **asked,
            "group_by": ",".join(asked.get("group_by") or ()),
            "from": asked.get("begins"),
            "to": asked.get("ends"),
        }
        rows = usage.usage(actor=actor_of(info), asked=usage.read_asked(query), ordering=ordering)
        return {"rows": rows[:MOST_ROWS], "total": len(rows), "totals": total_of(rows)}

    @staticmethod
    def resolve_model_calls(root: Any, info: Any, **filters: str) -> QuerySet[UsageRecord]:
        return usage.calls(actor=actor_of(info), **filters).order_by("-pk")


def _snake(name: str) -> str:
    return "key_name" if name == "keyName" else name
