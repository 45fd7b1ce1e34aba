"""The REST door of versions: published by an upload, described, moved from stage to stage, removed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from apps.core.asgi.door import UPLOAD_BODY, Door
from apps.core.files.answers import attachment
from apps.core.rest.viewsets import HouseViewSet
from apps.jobs.domain.results import links_of
from apps.models.permissions import ModelsPermission
from apps.models.queries import artifacts
from apps.models.queries import registry as queries
from apps.models.rest.examples import CHECKING, VERSION, WAITING
from apps.models.rest.parts import BODY, ArtifactParser, read_upload
from apps.models.rest.serializers import (
    CheckingSerializer,
    PromotionSerializer,
    StageBody,
    VersionChangeBody,
    VersionSerializer,
    waiting,
)
from apps.models.services import stages, versions

VIEW, MANAGE = ModelsPermission.VIEW, ModelsPermission.MANAGE
READING, WRITING = Door(VIEW, limit="models"), Door(MANAGE, limit="models")
ENVELOPE = 1024 * 1024
"""What a multipart body has beside the file."""
ONE = OpenApiExample("A version", VERSION, response_only=True)
UNOPENED = OpenApiExample("A large one", CHECKING, response_only=True, status_codes=["202"])
PROMOTED = OpenApiExample("Into production", {"stage": "Production"}, request_only=True)
ASKS_FIRST = OpenApiExample("Waits for approval", WAITING, response_only=True, status_codes=["202"])
MEASURED = OpenApiExample("Measured again", {"metrics": {"accuracy": 0.86}}, request_only=True)


class VersionViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": READING,
        "create": Door(MANAGE, limit="models", body_limit=UPLOAD_BODY + ENVELOPE),
        "retrieve": READING,
        "partial_update": WRITING,
        "destroy": WRITING,
        "stage": WRITING,
        "artifact": READING,
    }
    refusals: ClassVar = {
        "create": (409, 413, 415, 422, 504, 507),
        "destroy": (409,),
        "stage": (409,),
        "artifact": (409,),
    }
    serializer_class = VersionSerializer

    def get_parsers(self) -> list[BaseParser]:
        """An upload comes in parts, all else as JSON."""
        actions = getattr(self, "action_map", None) or {}
        is_upload = self.request is not None and self.request.method == "POST"
        if is_upload and actions.get("post") == "create":
            return [ArtifactParser()]
        return super().get_parsers()

    @extend_schema(summary="The versions of a model, newest first", examples=[ONE])
    def list(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = queries.versions(actor=self.actor, name=id)
        return self.page(found, VersionSerializer, ordering=("number", "created_at"))

    @extend_schema(
        operation_id="models_versions_create",
        summary="Publish a version",
        description=(
            "ONNX, skops, XGBoost (JSON or UBJSON), LightGBM (text), a scorecard or the description of a remote model, "
            "both JSON. What the bytes are decides, whatever the file is called. The file is opened and tried in a "
            "limited process first; pickles, archives with paths, programs and pages are refused with "
            "`unsafe_artifact`. A file of more than 100 MB is opened by a job: the answer is 202 with the version as "
            "`checking`, which predicts nothing until it is `ready`; `refused`, it says why in `refusal`."
        ),
        request=BODY,
        responses={201: VersionSerializer, 202: CheckingSerializer},
        examples=[ONE, UNOPENED],
    )
    def create(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        file, terms = read_upload(request)
        published = versions.publish(
            actor=self.actor,
            name=id,
            stream=file,  # type: ignore[arg-type]  # reads like a file, says Django
            terms=terms,
            file_name=file.name or "",
        )
        made, job = published.version, published.job
        if job is None:
            response = self.present(made, VersionSerializer, status=201)
        else:
            more = {"job_id": job.public_id, "links": links_of(job.public_id)}
            response = self.present(made, VersionSerializer, status=202, **more)
        response.headers["Location"] = f"/api/v1/models/{made.model.name}/versions/{made.label}"
        return response

    @extend_schema(
        summary="One version, by name, number, `@alias`, `latest`, `production` or `staging`",
        examples=[ONE],
    )
    def retrieve(self, request: Any, id: str, tag: str) -> Response:  # noqa: A002 - the URL's word
        found = queries.version(actor=self.actor, name=id, tag=tag)
        return self.present(found, VersionSerializer)

    @extend_schema(
        summary="Say something else of a version",
        description="Its file and its feature schema never change.",
        request=VersionChangeBody,
        responses=VersionSerializer,
        examples=[MEASURED, ONE],
    )
    def partial_update(self, request: Any, id: str, tag: str) -> Response:  # noqa: A002
        changed = versions.change_version(
            actor=self.actor,
            name=id,
            tag=tag,
            expected_revision=self.expected_revision(),
            **self.read(VersionChangeBody),
        )
        return self.present(changed, VersionSerializer)

    @extend_schema(
        summary="Remove a version and its file",
        description="409 while it is in production or an alias names it.",
        responses={204: None},
    )
    def destroy(self, request: Any, id: str, tag: str) -> Response:  # noqa: A002 - the URL's word
        versions.remove_version(
            actor=self.actor, name=id, tag=tag, expected_revision=self.expected_revision()
        )
        return self.nothing()

    @extend_schema(
        summary="Move a version to a stage",
        description=(
            "Production archives the version that was there. Where a policy of approvals asks that people agree first, "
            "the answer is 202 with an `approval_id`, and it moves once they have."
        ),
        request=StageBody,
        responses={200: VersionSerializer, 202: PromotionSerializer},
        examples=[PROMOTED, ONE, ASKS_FIRST],
    )
    def stage(self, request: Any, id: str, tag: str) -> Response:  # noqa: A002 - the URL's word
        moved = stages.set_stage(
            actor=self.actor,
            name=id,
            tag=tag,
            stage=self.read(StageBody)["stage"],
            expected_revision=self.expected_revision(),
        )
        if moved.approval_id is None:
            return self.present(moved.version, VersionSerializer)
        return Response(waiting(moved.version, moved.approval_id), status=202)

    @extend_schema(
        operation_id="models_versions_artifact",
        summary="The file of a version",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def artifact(self, request: Any, id: str, tag: str) -> HttpResponseBase:  # noqa: A002
        found = artifacts.version_with_bytes(actor=self.actor, name=id, tag=tag)
        return attachment(request, found.file, name=f"{found.model.name}-{found.label}")
