"""The REST door of usage: sums by what is asked for, the same as a sheet, and the log of calls."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import django_filters
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE, read_integer
from apps.core.rest.filters import MomentFilter
from apps.core.rest.pagination import CursorPagination
from apps.core.rest.serializers import ReadSerializer
from apps.core.rest.viewsets import HouseViewSet
from apps.providers.domain.budgets import to_dollars
from apps.providers.domain.usage_table import GROUPS, ORDERINGS, UsageRow
from apps.providers.enums import CallStatus
from apps.providers.models import UsageRecord
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import usage

VIEW = ProvidersPermission.USAGE_VIEW
FIGURES = ("requests", "errors", "cached", "prompt_tokens", "completion_tokens", "cost")
QUANTILES: dict[str, Any] = {"p50": 412.0, "p95": 1380.0, "p99": 2210.0}
ROW: dict[str, Any] = {
    "day": "2026-01-15",
    "model": "chat",
    "requests": 1250,
    "errors": 3,
    "cached": 40,
    "prompt_tokens": 512_000,
    "completion_tokens": 98_000,
    "cost": 2.26,
    "duration_ms": QUANTILES,
    "first_token_ms": QUANTILES,
}
CALL: dict[str, Any] = {
    "id": "4711-9f2c.1.8192",
    "request_id": "req_0f8c1d2e3a4b5c6d7e8f9a0b",
    "at": "2026-01-15T10:30:00.123456Z",
    "model": "chat",
    "deployment": "gpt-4o-eu",
    "provider": "openai",
    "operation": "chat",
    "status": "ok",
    "error_code": "",
    "key": "key_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "key_name": "ci-main",
    "end_user": "",
    "stream": True,
    "cached": False,
    "estimated": False,
    "attempts": 1,
    "prompt_tokens": 512,
    "completion_tokens": 98,
    "cached_tokens": 0,
    "cost": 0.00226,
    "duration_ms": 912.4,
    "first_token_ms": 210.7,
    "overhead_ms": 0.6,
}
MOMENT = "A day or an ISO 8601 moment, UTC without a zone"
ASKED = [
    OpenApiParameter("group_by", str, description=f"Some of {', '.join(GROUPS)}; `day` by default."),
    OpenApiParameter("from", str, description=f"{MOMENT}; 30 days before `to` by default."),
    OpenApiParameter("to", str, description=f"{MOMENT}, left out; a day is taken whole."),
    *(OpenApiParameter(name, str) for name in usage.FILTERS),
    OpenApiParameter("ordering", str, description=f"Of {', '.join(ORDERINGS)}, each perhaps with -."),
]  # fmt: skip


class QuantilesSerializer(ReadSerializer):
    """Milliseconds, within one hundredth."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class UsageSerializer(ReadSerializer):
    """Beside the figures each row has what it was grouped by."""

    day = serializers.CharField(required=False)
    hour = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    key = serializers.CharField(required=False)
    key_name = serializers.CharField(required=False)
    provider = serializers.CharField(required=False)
    deployment = serializers.CharField(required=False)
    requests = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # a field takes the name, as DRF allows
    cached = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cost = serializers.FloatField(help_text="Dollars.")
    duration_ms = QuantilesSerializer()
    first_token_ms = QuantilesSerializer()

    def to_representation(self, instance: UsageRow) -> dict[str, Any]:
        figures = {name: getattr(instance, name) for name in FIGURES}
        times = {name: getattr(instance, name) for name in ("duration_ms", "first_token_ms")}
        return {**instance.group, **figures, **times}


class CallSerializer(ReadSerializer):
    id = serializers.CharField(source="record")
    request_id = serializers.CharField()
    at = serializers.DateTimeField()
    model = serializers.CharField()
    deployment = serializers.CharField()
    provider = serializers.CharField()
    operation = serializers.CharField()
    status = serializers.ChoiceField(choices=[str(status) for status in CallStatus])
    error_code = serializers.CharField()
    key = serializers.CharField()
    key_name = serializers.CharField()
    end_user = serializers.CharField()
    stream = serializers.BooleanField(source="is_stream")
    cached = serializers.BooleanField(source="is_cached")
    estimated = serializers.BooleanField(source="is_estimated")
    attempts = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    cost = serializers.FloatField(help_text="Dollars.")
    duration_ms = serializers.FloatField()
    first_token_ms = serializers.FloatField(allow_null=True)
    overhead_ms = serializers.FloatField()

    @staticmethod
    def get_cost(call: UsageRecord) -> float:
        return float(to_dollars(call.cost_nano))


class CallFilter(django_filters.FilterSet):
    model = django_filters.CharFilter()
    key = django_filters.CharFilter()
    provider = django_filters.CharFilter()
    deployment = django_filters.CharFilter()
    end_user = django_filters.CharFilter()
    request_id = django_filters.CharFilter()
    status = django_filters.ChoiceFilter(choices=[(str(word), str(word)) for word in CallStatus])


CallFilter.base_filters["from"] = MomentFilter(field_name="at", lookup_expr="gte")
CallFilter.base_filters["to"] = MomentFilter(field_name="at", lookup_expr="lt")


class UsageViewSet(HouseViewSet):
    doors: ClassVar = {"list": Door(VIEW), "export": Door(VIEW)}
    refusals: ClassVar = {"export": (422,)}
    serializer_class = UsageSerializer

    @extend_schema(
        summary="Usage and cost by day, hour, model, key, provider or deployment",
        description="`meta.totals` sums up every group, not those of the page alone.",
        parameters=ASKED,
        examples=[OpenApiExample("A day of a model", ROW, response_only=True)],
    )
    def list(self, request: Any) -> Response:
        query = request.query_params
        page = usage.usage_page(
            actor=self.actor,
            asked=usage.read_asked(query),
            ordering=query.get("ordering"),
            page=read_integer(query.get("page"), "page", default=1, maximum=MAX_PAGE),
            limit=read_integer(
                query.get("limit"), "limit", default=DEFAULT_LIMIT, maximum=MAX_LIMIT
            ),
        )
        page.meta["totals"] = UsageSerializer().to_representation(page.meta["totals"])
        return self._list(page, UsageSerializer)

    @extend_schema(
        summary="The same as CSV",
        parameters=ASKED,
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def export(self, request: Any) -> HttpResponse:
        query = request.query_params
        rows = usage.usage(
            actor=self.actor, asked=usage.read_asked(query), ordering=query.get("ordering")
        )
        response = HttpResponse(to_csv(rows), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="usage.csv"'
        return response


class CallViewSet(HouseViewSet):
    doors: ClassVar = {"list": Door(VIEW)}
    serializer_class = CallSerializer
    pagination_class = CursorPagination  # type: ignore[assignment]  # it only describes

    @extend_schema(
        summary="The log of model calls, newest first",
        parameters=[
            *(
                OpenApiParameter(name, str)
                for name in (*usage.FILTERS, "end_user", "request_id", "status")
            ),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="Included."),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Left out."),
        ],
        examples=[OpenApiExample("A call", CALL, response_only=True)],
    )
    def list(self, request: Any) -> Response:
        return self.cursor_page(usage.calls(actor=self.actor), CallSerializer, filterset=CallFilter)


def to_csv(rows: Iterable[UsageRow]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    for number, row in enumerate(rows):
        cells = dict(_cells(row))
        if number == 0:
            writer.writerow(cells)
        writer.writerow(cells.values())
    return text.getvalue()


def _cells(row: UsageRow) -> Iterator[tuple[str, Any]]:
    for name, value in row.group.items():
        yield name, _harmless(value)
    for name in FIGURES[:-1]:
        yield name, getattr(row, name)
    yield "cost", f"{to_dollars(row.cost_nano):f}"
    for name in ("duration_ms", "first_token_ms"):
        for share, value in getattr(row, name).items():
            yield f"{name}_{share}", "" if value is None else value


def _harmless(text: str) -> str:
    """A name that a spreadsheet would take for a formula is marked as text."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
