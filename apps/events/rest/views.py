"""The audit trail: a list by cursor, one entry, and the whole as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework.response import Response

from apps.core import json as strict_json
from apps.core.asgi.door import Door
from apps.core.rest.pagination import CursorPagination
from apps.core.rest.viewsets import HouseViewSet
from apps.events import queries
from apps.events.models import AuditEntry
from apps.events.permissions import EventsPermission
from apps.events.rest.serializers import AuditEntrySerializer, AuditFilter
from apps.events.services import audit

ENTRY: dict[str, Any] = {
    "id": "audit_3c5e7a9b1d2f4e6a8c0b2d4f6e8a0c1e",
    "action": "keys.key.revoked",
    "actor": {"id": "user_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d", "name": "Ada"},
    "object": {"id": "key_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10", "name": "ci-main"},
    "at": "2026-01-15T10:30:00.123456Z",
    "before": {"state": "active"},
    "after": {"state": "revoked"},
    "address": "192.0.2.1",
    "credential": {"kind": "session", "id": "session_1f2e3d"},
    "request_id": "req_0f8c1d2e3a4b5c6d7e8f9a0b",
    "sequence": 42,
    "previous_hash": "9b1c…",
    "hash": "4f7a…",
}
ONE = OpenApiExample("An entry", ENTRY, response_only=True)
MOMENT = "An ISO 8601 moment"
FILTERS = [
    OpenApiParameter("action", str, description="A fact's name, such as `keys.key.revoked`."),
    OpenApiParameter("actor", str, description="Public id of who did it."),
    OpenApiParameter("object", str, description="Public id of what it was done to."),
    OpenApiParameter("from", OpenApiTypes.DATETIME, description=f"{MOMENT}, included."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description=f"{MOMENT}, left out."),
]


class AuditViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(EventsPermission.AUDIT_VIEW),
        "retrieve": Door(EventsPermission.AUDIT_VIEW),
        "export": Door(EventsPermission.AUDIT_VIEW),
    }
    serializer_class = AuditEntrySerializer
    pagination_class = CursorPagination  # type: ignore[assignment]  # it only describes

    @extend_schema(
        summary="The organisation's audit trail, newest first", parameters=FILTERS, examples=[ONE]
    )
    def list(self, request: Any) -> Response:
        entries = queries.audit_entries(actor=self.actor)
        return self.cursor_page(entries, AuditEntrySerializer, filterset=AuditFilter)

    @extend_schema(summary="One entry of the trail", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        entry = queries.audit_entry(actor=self.actor, public_id=id)
        return self.present(entry, AuditEntrySerializer)

    @extend_schema(
        summary="The whole trail, one JSON object a line",
        responses={(200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def export(self, request: Any) -> HttpResponseBase:
        batches = audit.export_trail(actor=self.actor)
        response = StreamingHttpResponse(_lines(batches), content_type="application/x-ndjson")
        response.headers["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response


def _lines(batches: Iterator[list[AuditEntry]]) -> Iterator[bytes]:
    """A batch a part: each part is one hop into the pool."""
    represent = AuditEntrySerializer().to_representation
    for batch in batches:
        yield b"".join(strict_json.dumps(represent(entry)) + b"\n" for entry in batch)
