"""The REST door of captures: what routes that ask for it kept of requests and answers, redacted. It only reads."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.filters import MomentFilter
from apps.core.rest.pagination import CursorPagination
from apps.core.rest.serializers import ReadSerializer
from apps.core.rest.viewsets import HouseViewSet
from apps.providers.enums import CallStatus
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import captures

VIEW = ProvidersPermission.CAPTURE_VIEW
FILTERS = ("model", "key", "request_id", "status")
LISTED: dict[str, Any] = {
    "id": "4711-9f2c.1.512",
    "request_id": "req_0f8c1d2e3a4b5c6d7e8f9a0b",
    "at": "2026-01-15T10:30:00.123456Z",
    "model": "chat",
    "key": "key_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "status": "ok",
    "cut": False,
    "expires_at": "2026-01-22T10:30:00.123456Z",
}
CAPTURE: dict[str, Any] = {
    **LISTED,
    "request": {"model": "chat", "messages": [{"role": "user", "content": "Write to [email]."}]},
    "answer": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Done."}}]},
}


class CaptureSerializer(ReadSerializer):
    id = serializers.CharField(source="record")
    request_id = serializers.CharField()
    at = serializers.DateTimeField()
    model = serializers.CharField()
    key = serializers.CharField()
    status = serializers.ChoiceField(choices=[str(status) for status in CallStatus])
    cut = serializers.BooleanField(source="is_cut", help_text="Longer than is kept.")
    expires_at = serializers.DateTimeField()


class WholeCaptureSerializer(CaptureSerializer):
    request = serializers.JSONField()
    answer = serializers.JSONField(help_text="Null where none came.")


class CaptureFilter(django_filters.FilterSet):
    model = django_filters.CharFilter()
    key = django_filters.CharFilter()
    request_id = django_filters.CharFilter()
    status = django_filters.ChoiceFilter(choices=[(str(word), str(word)) for word in CallStatus])


CaptureFilter.base_filters["from"] = MomentFilter(field_name="at", lookup_expr="gte")
CaptureFilter.base_filters["to"] = MomentFilter(field_name="at", lookup_expr="lt")


class CaptureViewSet(HouseViewSet):
    doors: ClassVar = {"list": Door(VIEW), "retrieve": Door(VIEW), "of_call": Door(VIEW)}
    serializer_class = CaptureSerializer
    pagination_class = CursorPagination  # type: ignore[assignment]  # it only describes

    @extend_schema(
        summary="Captured calls, newest first",
        parameters=[
            *(OpenApiParameter(name, str) for name in FILTERS),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="Included."),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Left out."),
        ],
        examples=[OpenApiExample("A captured call", LISTED, response_only=True)],
    )
    def list(self, request: Any) -> Response:
        # What was said is read one by one: two hundred long talks are no list.
        rows = captures.captures(actor=self.actor).defer("request", "answer")
        return self.cursor_page(rows, CaptureSerializer, filterset=CaptureFilter)

    @extend_schema(
        summary="One captured call, with what was said",
        responses=WholeCaptureSerializer,
        examples=[OpenApiExample("A captured call", CAPTURE, response_only=True)],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = captures.capture(actor=self.actor, capture_id=id)
        return self.present(found, WholeCaptureSerializer)

    @extend_schema(
        summary="What was captured of a call in the log",
        responses=WholeCaptureSerializer,
        examples=[OpenApiExample("A captured call", CAPTURE, response_only=True)],
    )
    def of_call(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = captures.capture_of_call(actor=self.actor, call_id=id)
        return self.present(found, WholeCaptureSerializer)
