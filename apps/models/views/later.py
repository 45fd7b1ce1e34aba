"""The doors of predictions that are asked for now and read later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.core import json
from apps.core.asgi import replays
from apps.core.asgi.door import Door, door
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.openapi.describe import describe
from apps.jobs.domain.results import links_of
from apps.models.domain.work import PredictionPayload
from apps.models.enums import ModelsPermission, Source
from apps.models.queries.tasks import task_result
from apps.models.services import predictions
from apps.models.serving import engine
from apps.models.views import shapes
from apps.models.views.bodies import beside, read_ask

if TYPE_CHECKING:
    from apps.jobs.models import Job

JSON = "application/json"


@describe(POST=shapes.SUBMIT)
@door(POST=Door(ModelsPermission.PREDICT))
async def predict_later(request: GateRequest, model: str) -> HttpResponse:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return await _submit(request, model)
    return await replays.run_once(request, key, lambda: _submit(request, model))


async def _submit(request: GateRequest, model: str) -> HttpResponse:
    """Checked against the version that would answer now, so that whoever sends nonsense hears it at once."""
    assert request.actor is not None
    ask = await beside(request, read_ask, request, model, Source.ASYNC)
    name = await engine.check_ask(request.actor, ask)
    payload = PredictionPayload.of(ask, name)
    job = await in_pool(predictions.submit_prediction, actor=request.actor, payload=payload)
    return _ticket(job)


@describe(GET=shapes.RESULT)
@door(GET=Door(ModelsPermission.VIEW))
def result(request: HttpRequest, task_id: str) -> HttpResponse:
    assert isinstance(request, GateRequest)
    assert request.actor is not None
    found = task_result(actor=request.actor, task_id=task_id)
    if found.answer is None:
        body = {"task_id": task_id, "status": found.state}
        return HttpResponse(json.dumps(body), status=202, content_type=JSON)
    return HttpResponse(json.dumps(found.answer), content_type=JSON)


def _ticket(job: Job) -> HttpResponse:
    where = f"/predict/async/{job.public_id}/result"
    body = {
        "task_id": job.public_id,
        "status": str(job.state),
        "job_id": job.public_id,
        "created_at": job.created_at,
        "links": {**links_of(job.public_id), "result": where},
    }
    return HttpResponse(
        json.dumps(body), status=202, content_type=JSON, headers={"Location": where}
    )
