"""`Prefer: respond-async` on the hot doors: the call becomes a job, and the answer its ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from apps.core import json
from apps.core.asgi.admission import charge
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.jobs.domain.results import links_of
from apps.providers.domain.calls import Call
from apps.providers.services import completions

if TYPE_CHECKING:
    from apps.jobs.models import Job


def is_preferred(request: GateRequest) -> bool:
    header = request.META.get("HTTP_PREFER")
    if header is None:
        return False
    return "respond-async" in {word.strip().lower() for word in header.replace(";", ",").split(",")}


async def submit(request: GateRequest, call: Call) -> HttpResponse:
    """The submission counts as any call of the house; the model call is charged when it is made."""
    assert request.actor is not None
    await charge(request, request.actor.identity, "default")
    job = await in_pool(
        completions.submit_completion,
        actor=request.actor,
        call=call,
        body=json.parse(request.body),
    )
    return _ticket(job)


def _ticket(job: Job) -> HttpResponse:
    body = {
        "job_id": job.public_id,
        "status": str(job.state),
        "created_at": job.created_at,
        "links": links_of(job.public_id),
    }
    return HttpResponse(
        json.dumps(body),
        status=202,
        content_type="application/json",
        headers={
            "Location": f"/api/v1/jobs/{job.public_id}",
            "Preference-Applied": "respond-async",
        },
    )
