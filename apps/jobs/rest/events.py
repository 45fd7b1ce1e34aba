"""A job's stream as server-sent events: the frames of the socket, each with its `seq` as the event's id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.core import authentication
from apps.core import json as strict_json
from apps.core.actor import Identity
from apps.core.asgi.admission import identify
from apps.core.asgi.door import Door, door
from apps.core.asgi.lifecycle import lifecycle
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError, NotFound
from apps.core.openapi.describe import Operation, describe
from apps.jobs.domain.positions import read_after
from apps.jobs.domain.standings import Standing, frame_of
from apps.jobs.permissions import JobPermission
from apps.jobs.queries.board import board, frame_text
from apps.jobs.rest import shapes

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent, and after which the caller's rights are asked again."""
RETRY = b"retry: 1000\n\n"
RESTARTING = b'event: restart\ndata: {"type": "restart", "message": "The server is stopping."}\n\n'
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


class Mailbox:
    """A follower who is told the newest state when ready for it; what it slept through it need not know."""

    def __init__(self) -> None:
        self.is_dismissed = False
        self._newest: Standing | None = None
        self._wake = asyncio.Event()

    def take(self, standing: Standing) -> None:
        self._newest = standing
        self._wake.set()

    def dismiss(self) -> None:
        self.is_dismissed = True
        self._wake.set()

    async def next(self, patience: float) -> Standing | None:
        """The newest standing; None after so many seconds without one, or when dismissed."""
        try:
            async with asyncio.timeout(patience):
                await self._wake.wait()
        except TimeoutError:
            return None
        self._wake.clear()
        newest, self._newest = self._newest, None
        return newest


@describe(
    GET=Operation(
        "Follow a job (server-sent events)",
        shapes.FRAME,
        tag="jobs",
        description=(
            "`progress` events, then one `complete` or `error`, after which the stream ends. Each event's id is its "
            "`seq`: whoever comes back with `Last-Event-ID` is told what lies ahead of it; when nothing can any more, "
            "the answer is 204, which tells a browser to stop. `restart` says that the server stops: come back."
        ),
        parameters=PARAMETERS,
    )
)
@door(GET=Door(JobPermission.VIEW))
async def events(request: Any, id: str) -> HttpResponseBase:  # noqa: A002 - the URL's word
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


async def _stream(request: Any, job_id: str, after: int | None) -> AsyncIterator[bytes]:
    mailbox = Mailbox()
    asked_at = monotonic()
    yield RETRY
    try:
        await board().follow(job_id, mailbox, after=after)
        while not (mailbox.is_dismissed or lifecycle.is_draining):
            standing = await mailbox.next(KEEP_ALIVE)
            if standing is not None:
                yield _event(standing)
                if standing.is_final:
                    return
            elif not mailbox.is_dismissed:
                yield b": keep-alive\n\n"
            if monotonic() - asked_at >= KEEP_ALIVE:
                await _ask_again(request)
                asked_at = monotonic()
        yield RESTARTING
    except AppError as error:
        yield _farewell(error)
    finally:
        board().unfollow(job_id, mailbox)


def _event(standing: Standing) -> bytes:
    kind = frame_of(standing)["type"]
    return f"id: {standing.seq}\nevent: {kind}\ndata: {frame_text(standing)}\n\n".encode()


def _farewell(error: AppError) -> bytes:
    """Why the stream ends though the job goes on; without an id, so that it is no part of the job's story."""
    data = strict_json.dumps({"type": "closed", "error": error.code, "message": error.message})
    return b"event: closed\ndata: " + data + b"\n\n"


async def _ask_again(request: Any) -> None:
    """Whether the caller still may; raises when not. Warm, it costs no database."""
    identity = await _identity_of(request)
    if JobPermission.VIEW.value not in identity.permissions:
        raise NotFound
    if identity.organization_id != request.actor.organization_id:
        raise NotFound


async def _identity_of(request: Any) -> Identity:
    meta = request.META
    token = authentication.read_token(
        meta.get("HTTP_AUTHORIZATION"), meta.get(authentication.key_header())
    )
    if token is not None:
        return await identify(token, request.address)
    session = request.COOKIES.get(authentication.session_cookie_name(), "")
    return await in_pool(authentication.authenticator().identify_session, session)
