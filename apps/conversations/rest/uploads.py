"""The REST door of files that are attached to messages."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.conversations.domain import sniffing
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import uploads as queries
from apps.conversations.services import uploads
from apps.core.asgi.door import Door
from apps.core.errors import Invalid, Unsupported
from apps.core.files.answers import attachment
from apps.core.models import StoredFile
from apps.core.rest.serializers import ReadSerializer
from apps.core.rest.viewsets import HouseViewSet

VIEW, UPLOAD = ConversationsPermission.VIEW, ConversationsPermission.UPLOAD
ENVELOPE = 64 * 1024
"""What a multipart body has beside the file."""
BODY = {
    "multipart/form-data": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    }
}
UPLOADED = {
    "id": "file_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "name": "figures.csv",
    "size": 2048,
    "content_type": "text/csv; charset=utf-8",
    "created_at": "2026-01-15T10:30:00Z",
    "expires_at": "2026-01-16T10:30:00Z",
    "conversation_id": None,
}
ONE = OpenApiExample("A file", UPLOADED, response_only=True)


class FileParser(MultiPartParser):
    """Django writes a large part to disk as it reads it."""


class UploadSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    size = serializers.IntegerField()
    content_type = serializers.CharField(help_text="What its bytes are.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When it goes unless it is attached; null once it is."
    )
    conversation_id = serializers.CharField(
        allow_null=True, help_text="The conversation it is attached in."
    )

    @staticmethod
    def get_conversation_id(file: StoredFile) -> str | None:
        return file.subject if queries.is_attached(file) else None


A_TABLE = OpenApiExample(
    "What was uploaded", {"levers": 12}, response_only=True, media_type=sniffing.JSON
)


class UploadViewSet(HouseViewSet):
    doors: ClassVar = {
        "create": Door(
            UPLOAD, limit="upload", body_limit=settings.SIGNALBOX_UPLOAD_BYTES + ENVELOPE
        ),
        "retrieve": Door(VIEW),
        "destroy": Door(UPLOAD),
        "content": Door(VIEW),
    }
    refusals: ClassVar = {"destroy": (409,)}
    parser_classes = [FileParser]
    serializer_class = UploadSerializer

    @extend_schema(
        summary="Upload a file to attach to a message",
        description=(
            "One part named `file`: a PNG, JPEG, GIF or WebP picture, a PDF, or text in UTF-8 (JSON, CSV and Markdown "
            "among it). What its bytes are decides; a name or type that says otherwise is refused with 415. Name its "
            "id in `attachments` of a message within a day."
        ),
        request=BODY,
        responses={201: UploadSerializer},
        examples=[ONE],
    )
    def create(self, request: Any) -> Response:
        file = _file_of(request)
        kept = uploads.keep_upload(
            actor=self.actor,
            stream=file,  # type: ignore[arg-type]  # reads like a file, says Django
            name=file.name or "",
            content_type=file.content_type or "",
        )
        response = self.present(kept, UploadSerializer, status=201)
        response.headers["Location"] = f"/api/v1/uploads/{kept.public_id}"
        return response

    @extend_schema(summary="One file", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(queries.upload_of(actor=self.actor, file_id=id), UploadSerializer)

    @extend_schema(
        summary="Remove a file that is not attached",
        description="409 for one that is: it goes with its conversation.",
        responses={204: None},
    )
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        uploads.remove_upload(actor=self.actor, file_id=id)
        return self.nothing()

    @extend_schema(
        operation_id="uploads_content",
        summary="The bytes of a file",
        description="Pictures may be shown in place; all else is an attachment, whatever it holds.",
        responses={(200, kind): OpenApiTypes.BINARY for kind in sniffing.KINDS},
        examples=[A_TABLE],
    )
    def content(self, request: Any, id: str) -> HttpResponseBase:  # noqa: A002 - the URL's word
        file = queries.upload_of(actor=self.actor, file_id=id)
        return attachment(request, file, is_inline=file.content_type in sniffing.RASTERS)


def _file_of(request: Any) -> UploadedFile[bytes]:
    """The one file of the body. Raises `Unsupported` for a body of another kind, `Invalid` for other parts."""
    try:
        files, fields = request.FILES, request.POST
    except exceptions.UnsupportedMediaType:
        raise Unsupported("Send the file as multipart/form-data.") from None
    parts = [*files.keys(), *fields.keys()]
    unknown = sorted({name for name in parts if name != "file"})
    if unknown:
        raise Invalid.field(unknown[0][:100], "is not a field here", "unknown_field")
    sent: list[UploadedFile[bytes]] = files.getlist("file")
    if len(sent) != 1 or "file" in fields:
        raise Invalid.field("file", "must be one file", "required")
    return sent[0]
