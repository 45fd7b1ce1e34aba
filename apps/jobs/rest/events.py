"""A job's stream as server-sent events: the frames of the socket, each with its `seq` as the event's id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.core import json as strict_json
from apps.core.actor import Actor, Identity
from apps.core.asgi.door import Door, door
from apps.core.asgi.lifecycle import lifecycle
from apps.core.asgi.request import GateRequest
from apps.core.authentication import check_presence
from apps.core.errors import AppError, NotFound
from apps.core.live import FeedEnded
from apps.core.openapi.describe import Operation, describe
from apps.core.permissions import require
from apps.core.ws.auth import Proof
from apps.core.ws.codes import Close
from apps.core.ws.registry import registry
from apps.core.ws.sse import REASONS, proof_of
from apps.jobs.domain.positions import read_after
from apps.jobs.domain.standings import Standing, frame_of
from apps.jobs.permissions import JobPermission
from apps.jobs.queries.board import Mailbox, board, frame_text
from apps.jobs.rest import shapes

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent."""
RETRY = b"retry: 1000\n\n"
PARAMETERS = (
    {
        "name": "after",
        "in": "query",
        "required": False,
        "description": "Tell only what lies ahead of this `seq`.",
        "schema": {"type": "integer", "minimum": 0},
    },
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The same, as browsers send it when they come back.",
        "schema": {"type": "string"},
    },
)


class Viewer(Mailbox):
    """One open stream. It stands among the sockets, so that a lost right and the drain of the server end it."""

    def __init__(self, request: GateRequest) -> None:
        super().__init__()
        assert request.actor is not None
        self.loop = asyncio.get_running_loop()
        self.proof: Proof | None = proof_of(request)
        self.organization: str | None = request.actor.identity.organization
        self._address = request.address
        self._expiry: asyncio.TimerHandle | None = None
        self._watch_expiry(request.actor.identity)
        registry.add(self)

    def renew(self, identity: Identity) -> None:
        try:
            check_presence(identity, self._address)
            require(Actor(identity), JobPermission.VIEW)
        except AppError as error:
            self.end(error.code)
        else:
            self._watch_expiry(identity)

    def finish(self, code: Close, reason: str = "") -> None:
        self.end(REASONS.get(code, "error"))

    def close(self) -> None:
        registry.remove(self)
        if self._expiry is not None:
            self._expiry.cancel()

    def _watch_expiry(self, identity: Identity) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        if identity.expires_at is not None:
            left = max(0.0, (identity.expires_at - datetime.now(UTC)).total_seconds())
            self._expiry = self.loop.call_later(left, self.finish, Close.UNAUTHENTICATED)


@describe(
    GET=Operation(
        "Follow a job (server-sent events)",
        shapes.FRAME,
        tag="jobs",
        media="text/event-stream",
        more={204: None},
        refusals=(422,),
        description=(
            "`progress` events, then one `complete` or `error`, after which the stream ends. Each event's id is its "
            "`seq`: whoever comes back with `Last-Event-ID` is told what lies ahead of it; when nothing can any more, "
            "the answer is 204, which tells a browser to stop. `end` says why it ends early (`restart`: come back)."
        ),
        parameters=PARAMETERS,
    )
)
@door(GET=Door(JobPermission.VIEW))
async def job_events(request: Any, id: str) -> HttpResponseBase:  # noqa: A002 - the URL's word
    after = read_after(request.GET.get("after"), request.META.get("HTTP_LAST_EVENT_ID"))
    standing = await board().standing(id)
    if standing.organization_id != request.actor.organization_id:
        raise NotFound
    if standing.is_final and after is not None and standing.seq <= after:
        return HttpResponse(status=204)
    response = StreamingHttpResponse(_stream(request, id, after), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _stream(request: GateRequest, job_id: str, after: int | None) -> AsyncIterator[bytes]:
    viewer = Viewer(request)
    try:
        yield RETRY
        await board().follow(job_id, viewer, after=after)
        if lifecycle.is_draining:
            viewer.finish(Close.RESTART)
        while True:
            standing = await viewer.next(KEEP_ALIVE)
            yield b": still here\n\n" if standing is None else _event(standing)
            if standing is not None and standing.is_final:
                return
    except FeedEnded as end:
        yield _ended(str(end), request)
    except AppError as error:
        yield _ended(error.code, request)
    finally:
        viewer.close()
        board().unfollow(job_id, viewer)


def _event(standing: Standing) -> bytes:
    kind = frame_of(standing)["type"]
    return f"id: {standing.seq}\nevent: {kind}\ndata: {frame_text(standing)}\n\n".encode()


def _ended(reason: str, request: GateRequest) -> bytes:
    """Why the stream ends though the job goes on; without an id, so that it is no part of the job's story."""
    told = {"type": "end", "reason": reason, "request_id": request.request_id}
    return b"event: end\ndata: " + strict_json.dumps(told) + b"\n\n"
