"""`mlflow-artifacts/artifacts`: versions as directories of files, and a place to upload directories to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.core import json as strict_json
from apps.core.actor import Actor
from apps.core.asgi.door import UPLOAD_BODY, Door, door
from apps.core.errors import Invalid, NotFound
from apps.core.files.answers import Pieces
from apps.models.domain.mlflow.documents import Entry
from apps.models.domain.mlflow.reading import check_path
from apps.models.errors import UnsafeArtifact
from apps.models.permissions import ModelsPermission
from apps.models.queries import artifacts as bytes_of
from apps.models.queries import mlflow as queries
from apps.models.queries import registry
from apps.models.rest.mlflow.calls import READING, Params
from apps.models.services import mlflow_uploads

ROOT: Final = "models"
BINARY: Final = "application/octet-stream"
HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}


@door(GET=READING)
def listing(request: HttpRequest) -> HttpResponse:
    """`?path=models/churn-predictor/1`: what lies directly in it, by the last part of its path."""
    path = Params.read(request).text("path", "").strip("/")
    found = _inside(_actor(request), path) if path else []
    body = {"files": found} if found else {}
    return HttpResponse(strict_json.dumps(body), content_type="application/json")


@door(
    GET=READING,
    PUT=Door(ModelsPermission.MANAGE, limit="models", body_limit=UPLOAD_BODY),
)
def one(request: HttpRequest, path: str) -> HttpResponseBase:
    """The bytes of a file, or a file that is uploaded to make a version of."""
    if request.method == "PUT":
        mlflow_uploads.keep_upload(actor=_actor(request), path=path, stream=request)  # type: ignore[arg-type]  # reads like a file
        return HttpResponse(b"{}", content_type="application/json")
    parts = _parts(path)
    if parts[0] != ROOT or len(parts) < 4:
        raise NotFound(f"No such artifact: '{path[:300]}'")
    version, entries = queries.files_of(actor=_actor(request), name=parts[1], tag=parts[2])
    entry = _entry(entries, "/".join(parts[3:]), path)
    if entry.content is not None:
        return HttpResponse(entry.content, content_type=BINARY, headers=HEADERS)
    answer = StreamingHttpResponse(
        Pieces(bytes_of.open_artifact(version)), content_type=BINARY, headers=HEADERS
    )
    answer.headers["Content-Length"] = str(entry.size)
    return answer


def _inside(actor: Actor, path: str) -> list[dict[str, Any]]:
    parts = _parts(path)
    if parts[0] != ROOT:
        return [
            _file(file.name, file.size) for file in mlflow_uploads.uploaded(actor=actor, path=path)
        ]
    if len(parts) == 1:
        return _directories(model.name for model in registry.models(actor=actor)[:1000])
    if len(parts) == 2:
        rows = registry.versions(actor=actor, name=parts[1])[:1000]
        return _directories(str(version.number) for version in rows)
    _, entries = queries.files_of(actor=actor, name=parts[1], tag=parts[2])
    return _children(entries, "".join(f"{part}/" for part in parts[3:]))


def _children(entries: Iterable[Entry], prefix: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        name, _, deeper = entry.path.removeprefix(prefix).partition("/")
        if entry.path.startswith(prefix):
            found.setdefault(name, _directory(name) if deeper else _file(name, entry.size))
    return list(found.values())


def _directories(names: Iterable[str]) -> list[dict[str, Any]]:
    return [_directory(name) for name in names]


def _directory(name: str) -> dict[str, Any]:
    return {"path": name, "is_dir": True}


def _file(name: str, size: int) -> dict[str, Any]:
    return {"path": name, "is_dir": False, "file_size": size}


def _entry(entries: Iterable[Entry], name: str, path: str) -> Entry:
    found: Mapping[str, Entry] = {entry.path: entry for entry in entries}
    if name not in found:
        raise NotFound(f"No such artifact: '{path[:300]}'")
    return found[name]


def _parts(path: str) -> list[str]:
    """Raises `Invalid` for what would lead elsewhere, however it is spelt."""
    try:
        return check_path(path).split("/")
    except UnsafeArtifact:
        raise Invalid.field("path", "is no path", "path") from None


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by the gate
    return actor
