"""The REST door of jobs; the state that is polled and the stream have doors of their own beside it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.files.answers import attachment
from apps.core.rest.viewsets import HouseViewSet
from apps.jobs.domain.kinds import Kind
from apps.jobs.permissions import JobPermission
from apps.jobs.queries import jobs as queries
from apps.jobs.queries import lists, results
from apps.jobs.rest import serializers, shapes
from apps.jobs.rest.quick import submit_quickly
from apps.jobs.services import submissions

LARGE = ("payload", "result", "callback_url", "children", "links")
ASKED = OpenApiExample(
    "Something to watch",
    {"kind": "demo.sleep", "payload": {"seconds": 10, "steps": 5}, "priority": "high"},
    request_only=True,
)
ASKED_MANY = OpenApiExample(
    "Two at once",
    {
        "name": "nightly",
        "jobs": [{"kind": "demo.sleep", "payload": {"seconds": n}} for n in (1, 2)],
    },
    request_only=True,
)
TICKET = OpenApiExample("Taken", shapes.TICKET, response_only=True, status_codes=["202"])
GROUP = OpenApiExample(
    "Taken", {**shapes.TICKET, "jobs": [shapes.ID]}, response_only=True, status_codes=["202"]
)
ONE = OpenApiExample("A job", shapes.JOB, response_only=True)
LISTED = OpenApiExample(
    "A job",
    {name: value for name, value in shapes.JOB.items() if name not in LARGE},
    response_only=True,
)
MOMENT = "An ISO 8601 moment; when the job was created,"
FILTERS = [
    OpenApiParameter("state", str, description=f"{', '.join(lists.STATES)}; several with commas."),
    OpenApiParameter("kind", str, description="A kind of work."),
    OpenApiParameter("priority", str, description=", ".join(shapes.PRIORITIES)),
    OpenApiParameter("parent", str, description="Id of the job these are children of."),
    OpenApiParameter("from", OpenApiTypes.DATETIME, description=f"{MOMENT} included."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description=f"{MOMENT} left out."),
]


class JobViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(JobPermission.VIEW),
        "create": Door(JobPermission.CREATE, quick=submit_quickly),
        "bulk": Door(JobPermission.CREATE),
        "kinds": Door(JobPermission.VIEW),
        "retrieve": Door(JobPermission.VIEW),
        "result": Door(JobPermission.VIEW),
        "cancel": Door(JobPermission.MANAGE),
        "retry": Door(JobPermission.MANAGE),
    }
    serializer_class = serializers.JobSerializer
    ordering_fields = ("created_at", "started_at", "finished_at", "run_at", "priority", "progress")

    @extend_schema(
        summary="The organisation's jobs, newest first", parameters=FILTERS, examples=[LISTED]
    )
    def list(self, request: Any) -> Response:
        return self.page(
            lists.visible_jobs(actor=self.actor),
            serializers.JobSerializer,
            filterset=serializers.JobFilter,
            ordering=self.ordering_fields,
        )

    @extend_schema(
        summary="Submit a job",
        description=(
            "Once this is answered the job is kept: it will be run, whatever is killed meanwhile. Send an "
            "`Idempotency-Key` to be able to ask again without a second job."
        ),
        request=serializers.NewJobBody,
        responses={202: serializers.TicketSerializer},
        examples=[ASKED, TICKET],
    )
    def create(self, request: Any) -> Response:
        body = self.read(serializers.NewJobBody)
        job = submissions.submit(actor=self.actor, **{"payload": {}, **body})
        return self._taken(job, serializers.TicketSerializer)

    @extend_schema(
        summary="Submit many jobs, all or none",
        description="They are the children of one group, whose progress is theirs; its ticket is answered.",
        request=serializers.BulkBody,
        responses={202: serializers.GroupTicketSerializer},
        examples=[ASKED_MANY, GROUP],
    )
    def bulk(self, request: Any) -> Response:
        body = self.read(serializers.BulkBody)
        asked = [submissions.Submission(**one) for one in body.pop("jobs")]
        group = submissions.submit_many(actor=self.actor, jobs=asked, **body)
        return self._taken(group, serializers.GroupTicketSerializer)

    @extend_schema(
        summary="The kinds of work on offer",
        description="Each with the JSON Schema of its payload and the permission that submitting it needs.",
        responses={(200, "application/json"): shapes.KINDS},
    )
    def kinds(self, request: Any) -> Response:
        found = lists.visible_kinds(actor=self.actor)
        return Response({"data": [present_kind(kind) for kind in found]})

    @extend_schema(summary="One job", responses=serializers.WholeJobSerializer, examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        job = queries.get_job(actor=self.actor, job_id=id)
        return self.present(job, serializers.WholeJobSerializer)

    @extend_schema(
        summary="A job's result alone",
        description=(
            "The value, or the file that was too large for the job itself, as an attachment with its digest as `ETag`. "
            "409 until the job is completed."
        ),
        responses={
            (200, "application/json"): shapes.ANYTHING,
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
        },
    )
    def result(self, request: Any, id: str) -> HttpResponseBase:  # noqa: A002 - the URL's word
        found = results.get_result(actor=self.actor, job_id=id)
        if found.file is not None:
            return attachment(request, found.file)
        return Response(found.value)

    @extend_schema(
        summary="Cancel a job",
        description=(
            "What waits is cancelled at once. What runs is asked to end and, if it does not, ended: "
            "`cancel_requested_at` is set until `status` says `cancelled`. Again is no error."
        ),
        request=None,
        responses=serializers.WholeJobSerializer,
        examples=[ONE],
    )
    def cancel(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        job = submissions.cancel_job(actor=self.actor, job_id=id)
        return self.present(job, serializers.WholeJobSerializer)

    @extend_schema(
        summary="Try a failed or cancelled job again",
        description="With all its attempts; of a group, its failed and cancelled children.",
        request=None,
        responses={202: serializers.TicketSerializer},
        examples=[TICKET],
    )
    def retry(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        job = submissions.retry_job(actor=self.actor, job_id=id)
        return self._taken(job, serializers.TicketSerializer)

    def _taken(self, job: Any, serializer: type[serializers.TicketSerializer]) -> Response:
        response = self.present(job, serializer, status=202)
        response.headers["Location"] = f"/api/v1/jobs/{job.public_id}"
        return response


def present_kind(kind: Kind[Any]) -> dict[str, Any]:
    return {
        "name": kind.name,
        "permission": kind.permission.value if kind.permission else None,
        "time_limit": kind.time_limit,
        "max_attempts": kind.max_attempts,
        "payload": kind.payload.model_json_schema(),
    }
