"""The hot door of a job's state: what CI polls. Warm, it touches neither database nor thread.

Without a key it answers the bare state, so that a pipeline's polling loop needs no secret: the id is 128 random bits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.core import json as strict_json
from apps.core.actor import Actor
from apps.core.asgi.door import Door, door
from apps.core.errors import NotFound, Unauthenticated
from apps.core.openapi.describe import Operation, describe
from apps.core.permissions import require
from apps.jobs.domain.estimates import estimate_end
from apps.jobs.domain.standings import Standing
from apps.jobs.domain.states import State
from apps.jobs.permissions import JobPermission
from apps.jobs.queries.board import board
from apps.jobs.rest import shapes


@describe(
    GET=Operation(
        "Where a job stands",
        shapes.STATUS,
        tag="jobs",
        description=(
            "Without a key: `job_id`, `status` and `progress` alone (an installation may turn that off). With a key "
            "of the job's organisation: all of it. Made to be polled; the stream is there for those who want to wait."
        ),
    )
)
@door(GET=Door(public="the id is the secret; a CI job that polls carries no key, see the view"))
async def job_status(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    actor: Actor | None = request.actor  # type: ignore[attr-defined]  # set by the gate
    if actor is None:
        if not settings.SIGNALBOX_JOB_PUBLIC_STATUS:
            raise Unauthenticated
        return _answer(bare(await board().standing(id)))
    require(actor, JobPermission.VIEW)
    standing = await board().standing(id, is_whole=True)
    if standing.organization_id != actor.organization_id:
        raise NotFound
    return _answer(whole(standing))


def bare(standing: Standing) -> dict[str, Any]:
    return {
        "job_id": standing.job_id,
        "status": standing.status.value,
        "progress": standing.progress,
    }


def whole(standing: Standing) -> dict[str, Any]:
    return {
        **bare(standing),
        "message": standing.message,
        "steps": standing.steps,
        "attempts": standing.attempt,
        "estimated_completion": _estimate(standing),
        "result": standing.result,
        "error": standing.error,
        "seq": standing.seq,
    }


def _estimate(standing: Standing) -> datetime | None:
    if standing.status is not State.RUNNING or standing.started_at is None:
        return None
    return estimate_end(
        progress=standing.progress, started_at=standing.started_at, now=datetime.now(UTC)
    )


def _answer(value: dict[str, Any]) -> HttpResponse:
    return HttpResponse(strict_json.dumps(value), content_type="application/json")
