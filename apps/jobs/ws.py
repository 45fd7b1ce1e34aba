"""A job's stream over a WebSocket: `progress` frames, then one `complete` or `error`, and a normal close.

Authentication is as on `/ws`. `?after=SEQ` leaves out what lies behind that number.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from apps.core.errors import AppError, Conflict, Invalid, Kind, NotFound, Unauthenticated
from apps.core.permissions import require
from apps.core.ws.auth import Proof
from apps.core.ws.base import HouseConsumer
from apps.core.ws.codes import Close
from apps.core.ws.frames import error_frame, read_frame, write_frame
from apps.jobs.domain.positions import read_after
from apps.jobs.domain.standings import Standing
from apps.jobs.permissions import JobPermission
from apps.jobs.queries.board import board, frame_text


class JobStreamConsumer(HouseConsumer):
    def __init__(self) -> None:
        super().__init__()
        self._is_following = False

    @property
    def job_id(self) -> str:
        return str(self.scope["url_route"]["kwargs"]["id"])

    async def authenticate(self, proof: Proof) -> bool:
        if not await super().authenticate(proof):
            return False
        try:
            await self._begin()
        except Exception as error:  # noqa: BLE001 - a socket ends with a code, whatever happened
            self.fail(self.known(error))
            return False
        return True

    async def take_frame(self, text: str) -> None:
        frame = read_frame(text)
        match frame["type"]:
            case "ping":
                self.say(write_frame({"type": "pong"}))
            case "auth":
                await self._take_token(frame)
            case other:
                raise Invalid.field("type", f"{other[:40]!r} is none of: auth, ping", "choice")

    def take(self, standing: Standing) -> None:
        """Where the job stands now."""
        self.say(frame_text(standing))
        if standing.is_final:
            self.finish(Close.NORMAL)

    def is_following(self) -> bool:
        return self._is_following

    def complain(self, error: AppError) -> None:
        self.say(write_frame(error_frame(error, self.request_id)))

    def code_for(self, error: AppError) -> Close:
        return Close.NOT_FOUND if error.kind is Kind.NOT_FOUND else super().code_for(error)

    async def leave(self) -> None:
        if self._is_following:
            board().unfollow(self.job_id, self)

    async def _take_token(self, frame: dict[str, Any]) -> None:
        if self.proof is not None:
            raise Conflict("This socket is authenticated already.", code="already_authenticated")
        token = frame.get("token")
        if not isinstance(token, str) or not token:
            raise Unauthenticated
        await self.authenticate(Proof(token=token))

    async def _begin(self) -> None:
        assert self.actor is not None
        require(self.actor, JobPermission.VIEW)
        after = self._after()
        standing = await board().standing(self.job_id)
        if standing.organization_id != self.actor.organization_id:
            raise NotFound
        self._is_following = True
        now = await board().follow(self.job_id, self, after=after)
        if now.is_final:
            self.finish(Close.NORMAL)  # it knew the end already, or was just told

    def _after(self) -> int | None:
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        return read_after(query.get("after", [""])[-1])
