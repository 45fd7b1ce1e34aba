"""The multipart body of an upload: one file, and what is said of it as text parts, some of them JSON."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework import exceptions
from rest_framework.parsers import MultiPartParser

from apps.core import json as strict_json
from apps.core.errors import Invalid, Malformed, Unsupported
from apps.models.services.versions import Terms

TEXTS = {"version": "label", "description": "description"}
DOCUMENTS = {
    name: name
    for name in ("feature_schema", "metrics", "input_example", "background", "lineage", "tags")
}
BODY = {
    "multipart/form-data": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "version": {
                "type": "string",
                "description": "Its name, `1.2.0`; its number if left out.",
            },
            "feature_schema": {
                "type": "string",
                "description": "JSON; read off the file if left out.",
            },
            "metrics": {"type": "string", "description": "JSON: numbers by name."},
            "input_example": {"type": "string", "description": "JSON: a row of features."},
            "background": {
                "type": "string",
                "description": "JSON: up to 200 rows of features that explanations are told against.",
            },
            "lineage": {"type": "string", "description": "JSON: `run_id`, `commit`, `data`."},
            "tags": {"type": "string", "description": "JSON: text by name."},
            "description": {"type": "string"},
        },
    }
}


class ArtifactParser(MultiPartParser):
    """Django writes a large part to disk as it reads it."""


def read_upload(request: Any) -> tuple[UploadedFile[bytes], Terms]:
    """Raises `Unsupported` for a body of another kind, `Invalid` for parts that are missing, unknown or wrong."""
    try:
        files, fields = request.FILES, request.POST
    except exceptions.UnsupportedMediaType:
        raise Unsupported("Send the file as multipart/form-data.") from None
    unknown = sorted({*files.keys()} - {"file"} | {*fields.keys()} - {*TEXTS, *DOCUMENTS})
    if unknown and unknown != ["file"]:
        raise Invalid.field(unknown[0][:100], "is not a field here", "unknown_field")
    sent: list[UploadedFile[bytes]] = files.getlist("file")
    if len(sent) != 1 or "file" in fields:
        raise Invalid.field("file", "must be one file", "required")
    twice = [name for name in fields if len(fields.getlist(name)) > 1]
    if twice:
        raise Invalid.field(twice[0], "stands twice", "unique")
    return sent[0], _terms(fields)


def _terms(fields: Any) -> Terms:
    said = {column: fields[name] for name, column in TEXTS.items() if name in fields}
    for name, column in DOCUMENTS.items():
        if fields.get(name):
            said[column] = _document(name, fields[name])
    return Terms(**said)


def _document(name: str, text: str) -> Any:
    try:
        return strict_json.parse(text.encode("utf-8", "surrogatepass"))
    except Malformed as error:
        message = error.message.replace("The body", "it")
        raise Invalid.field(name, f"must be JSON: {message}", "json") from None
    except Invalid as error:
        raise Invalid.field(name, error.message, "json") from None
