"""The door that explains a prediction of the log."""

from __future__ import annotations

from django.http import HttpResponse

from apps.core import json
from apps.core.asgi.door import Door, door
from apps.core.asgi.presence import while_present
from apps.core.asgi.request import GateRequest
from apps.core.openapi.describe import describe
from apps.models.domain.answers import explanation_document
from apps.models.enums import ModelsPermission
from apps.models.serving.explaining import explain_logged
from apps.models.views import shapes


@describe(GET=shapes.EXPLAIN_LOGGED)
@door(GET=Door(ModelsPermission.PREDICT))
async def prediction_explanation(request: GateRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    assert request.actor is not None
    told = await while_present(request, explain_logged(request.actor, id))
    body = explanation_document(told.version, told.row, told.explanation)
    said = {**body, "model_version": told.version.label, "prediction_id": id}
    return HttpResponse(json.dumps(said), content_type="application/json")
