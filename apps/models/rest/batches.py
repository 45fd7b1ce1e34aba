"""The REST door of files of rows: sent in parts, scored by a job."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from apps.core.asgi.door import UPLOAD_BODY, Door
from apps.core.errors import Invalid, Unsupported
from apps.core.rest.serializers import ReadSerializer
from apps.core.rest.viewsets import HouseViewSet
from apps.jobs.domain.results import links_of
from apps.models.domain.tabular import FileFormat
from apps.models.permissions import ModelsPermission
from apps.models.rest.examples import JOB
from apps.models.rest.parts import ArtifactParser
from apps.models.services import batches

ENVELOPE = 64 * 1024
"""What a multipart body has beside the file."""
WORDS = {"version": "tag", "id_column": "id_column", "format": "said_format"}
LONGEST = 200
BODY = {
    "multipart/form-data": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "version": {
                "type": "string",
                "description": "Name, number, `@alias`, `latest`, `staging`; production if left out.",
            },
            "id_column": {
                "type": "string",
                "description": "Which column says whom a row is about; `customer_id` if there is one.",
            },
            "format": {
                "type": "string",
                "enum": [kind.value for kind in FileFormat],
                "description": "Found by the content; another than that is refused.",
            },
        },
    }
}
TICKET = {
    "job_id": JOB,
    "status": "queued",
    "created_at": "2026-01-15T10:30:00Z",
    "links": links_of(JOB),
}
ONE = OpenApiExample("A job", TICKET, response_only=True, status_codes=["202"])


class BatchTicketSerializer(ReadSerializer):
    job_id = serializers.CharField(source="public_id")
    status = serializers.CharField(source="state")
    created_at = serializers.DateTimeField()
    links = serializers.DictField(
        child=serializers.CharField(), help_text="`result` has the answers once it is completed."
    )

    @staticmethod
    def get_links(job: Any) -> dict[str, Any]:
        return links_of(job.public_id)


class FileBatchViewSet(HouseViewSet):
    doors: ClassVar = {
        "create": Door(ModelsPermission.PREDICT, limit="batch", body_limit=UPLOAD_BODY + ENVELOPE)
    }
    refusals: ClassVar = {"create": (404, 409, 413, 415, 422, 429, 507)}
    parser_classes = [ArtifactParser]
    serializer_class = BatchTicketSerializer

    @extend_schema(
        operation_id="models_batch_create",
        summary="Score a file of rows",
        description=(
            "CSV with a header, JSON lines or Parquet, up to 1 GiB, of any number of rows. The job's result is a file of "
            "the same format (of Parquet: JSON lines) with a line for each row: `row`, `customer_id`, `prediction`, "
            "`probability`, `prediction_id`, or its `error`. One version scores the whole file: the one that is meant "
            "when the job begins."
        ),
        request=BODY,
        responses={202: BatchTicketSerializer},
        examples=[ONE],
    )
    def create(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        file, words = _read(request)
        job = batches.submit_batch(
            actor=self.actor,
            name=id,
            stream=file,  # type: ignore[arg-type]  # reads like a file, says Django
            file_name=file.name or "",
            **words,
        )
        response = self.present(job, BatchTicketSerializer, status=202)
        response.headers["Location"] = links_of(job.public_id)["status"]
        return response


def _read(request: Any) -> tuple[UploadedFile[bytes], dict[str, str]]:
    """Raises `Unsupported` for a body of another kind, `Invalid` for parts that are missing, unknown or wrong."""
    try:
        files, fields = request.FILES, request.POST
    except exceptions.UnsupportedMediaType:
        raise Unsupported("Send the file as multipart/form-data.") from None
    unknown = sorted({*files.keys()} - {"file"} | {*fields.keys()} - {*WORDS, "file"})
    if unknown:
        raise Invalid.field(unknown[0][:100], "is not a field here", "unknown_field")
    sent: list[UploadedFile[bytes]] = files.getlist("file")
    if len(sent) != 1 or "file" in fields:
        raise Invalid.field("file", "must be one file", "required")
    for name in fields:
        if len(fields.getlist(name)) > 1:
            raise Invalid.field(name, "stands twice", "unique")
        if len(fields[name]) > LONGEST:
            raise Invalid.field(name, f"must have {LONGEST} characters at most", "max_length")
    return sent[0], {word: fields[name] for name, word in WORDS.items() if fields.get(name)}
