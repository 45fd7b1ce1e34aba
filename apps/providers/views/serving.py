"""What every hot door does: read the call, let the gateway answer it, say on the answer how it went."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.core.asgi.door import Door
from apps.core.asgi.presence import while_present
from apps.core.asgi.request import GateRequest
from apps.providers.domain.calls import Call
from apps.providers.enums import ProvidersPermission
from apps.providers.gateway import engine
from apps.providers.gateway.trace import Trace, headers_of, limits_of
from apps.providers.views import replays, tickets
from apps.providers.views.bodies import Form, read_call
from apps.providers.views.frames import Frames

JSON = "application/json"
CALLING = Door(ProvidersPermission.CALL, limit="chat", admits_itself=True)
ASKING = Door(ProvidersPermission.CALL, admits_itself=True)


async def serve(request: GateRequest, form: Form) -> HttpResponseBase:
    """The answer to one model call."""
    call = await read_call(request, form)
    answer = tickets.submit if tickets.is_preferred(request) else _answer
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return await answer(request, call)
    return await replays.run_once(request, key, lambda: answer(request, call))


async def _answer(request: GateRequest, call: Call) -> HttpResponseBase:
    assert request.actor is not None
    trace = Trace(request.actor, call, started=request.started)
    try:
        if call.is_stream:
            stream = await while_present(request, engine.stream(request.actor, call, trace))
            return _streamed(Frames(stream, path=request.path, request_id=request.request_id))
        reply = await while_present(request, engine.complete(request.actor, call, trace))
        return HttpResponse(reply.raw, content_type=JSON)
    finally:
        request.answer_headers += limits_of(trace)
        if trace.attempts or trace.is_cached:
            request.answer_headers += headers_of(trace)


def _streamed(frames: Frames) -> StreamingHttpResponse:
    response = StreamingHttpResponse(frames, content_type="text/event-stream; charset=utf-8")
    response.headers["X-Accel-Buffering"] = "no"
    response.beat = frames.beat  # type: ignore[attr-defined]  # read by deliver
    return response
