"""The audit trail: a list by cursor, one entry, and the whole as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from apps.core import json as strict_json
from apps.core.asgi.door import Door
from apps.core.rest.viewsets import HouseViewSet
from apps.events import queries, services
from apps.events.models import AuditEntry
from apps.events.permissions import EventsPermission
from apps.events.rest.serializers import AuditEntrySerializer, AuditFilter


class AuditViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(EventsPermission.AUDIT_VIEW),
        "retrieve": Door(EventsPermission.AUDIT_VIEW),
        "export": Door(EventsPermission.AUDIT_VIEW),
    }
    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter

    def list(self, request: Any) -> Response:
        entries = queries.audit_entries(actor=self.actor)
        return self.cursor_page(entries, AuditEntrySerializer, filterset=AuditFilter)

    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        entry = queries.audit_entry(actor=self.actor, public_id=id)
        return self.present(entry, AuditEntrySerializer)

    @extend_schema(
        summary="The whole trail, one JSON object a line",
        responses={(200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def export(self, request: Any) -> HttpResponseBase:
        batches = services.export_trail(actor=self.actor)
        response = StreamingHttpResponse(_lines(batches), content_type="application/x-ndjson")
        response.headers["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response


def _lines(batches: Iterator[list[AuditEntry]]) -> Iterator[bytes]:
    """A batch a part: each part is one hop into the pool."""
    represent = AuditEntrySerializer().to_representation
    for batch in batches:
        yield b"".join(strict_json.dumps(represent(entry)) + b"\n" for entry in batch)
