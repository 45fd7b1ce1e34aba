"""The quick way of submitting a job: no serializers, no thread of its own, one transaction for many callers.

It takes the plain body (`kind`, `payload`, `priority`, all well-formed) and leaves every other to the view, which says
what is wrong with it. What both take they answer alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from apps.core import json as strict_json
from apps.core.asgi.request import GateRequest
from apps.jobs.domain.kinds import kind_named
from apps.jobs.domain.priorities import WORDS
from apps.jobs.models import Job
from apps.jobs.rest.serializers import TicketSerializer
from apps.jobs.services.intake import intake
from apps.jobs.services.submissions import Submission

LONGEST = 64 * 1024
"""Of a body read on the loop."""
FIELDS = frozenset({"kind", "payload", "priority"})
_present = TicketSerializer().to_representation


async def submit_quickly(request: GateRequest) -> HttpResponse | None:
    """The answer, or None to leave it to the view."""
    asked = _read(request)
    if asked is None or request.actor is None:
        return None
    return answer(await intake().submit(actor=request.actor, asked=asked))


def answer(job: Job) -> HttpResponse:
    return HttpResponse(
        strict_json.dumps(_present(job)),
        status=202,
        content_type="application/json",
        headers={"Location": f"/api/v1/jobs/{job.public_id}"},
    )


def _read(request: GateRequest) -> Submission | None:
    if request.content_type != "application/json":
        return None
    if not 0 < int(request.META["CONTENT_LENGTH"]) <= LONGEST:
        return None
    body = strict_json.parse(request.body)
    if not isinstance(body, Mapping) or not FIELDS.issuperset(body):
        return None
    return _plain(**{"kind": None, "payload": {}, "priority": "normal", **body})


def _plain(*, kind: Any, payload: Any, priority: Any) -> Submission | None:
    known = kind_named(kind) if isinstance(kind, str) else None
    is_plain = known is not None and known.permission is not None and known.dedupe is None
    if not is_plain or not isinstance(payload, Mapping) or priority not in WORDS:
        return None
    return Submission(kind, payload, priority)
