"""The chat socket: `message`, `regenerate`, `stop`, `ping` in; `token`, `complete`, `error`, `pong` out, ids echoed.

Authentication is as on `/ws`: header, session cookie, or a first frame `auth` within ten seconds. Several answers may
be on their way at once, of different branches. A socket that goes away ends none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any

from apps.conversations.generations import hub
from apps.conversations.generations.beginning import say
from apps.conversations.generations.presenting import message_values
from apps.conversations.generations.viewing import Viewer
from apps.conversations.queries.answers import answer_shown
from apps.conversations.services import messages
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import request_id_from
from apps.core.errors import AppError, Conflict, FieldError, Invalid, Limited, Unauthenticated
from apps.core.limits import policy
from apps.core.tenancy import enter_organization
from apps.core.ws.auth import Proof
from apps.core.ws.base import HouseConsumer
from apps.core.ws.codes import Close
from apps.core.ws.frames import error_frame, read_frame, write_frame

MOST_AT_ONCE = 32
"""Answers on their way on one socket."""
LONGEST_ID = 200
STALLED_SECONDS = 30.0
"""How long a reader may take nothing before the socket is closed; until then its answers wait, unsent."""
KNOWN = "message, regenerate, stop, ping, auth"
MESSAGE = {"conversation_id": True, "content": True, "parent_id": False, "model": False}
REGENERATE = {"conversation_id": True, "message_id": True, "model": False}
STOP = {"conversation_id": True, "message_id": False}
"""Fields of a payload, and whether they must be there; all are texts."""


class ChatConsumer(HouseConsumer):
    def __init__(self) -> None:
        super().__init__()
        self._tasks: set[asyncio.Task[None]] = set()
        self._frame_id = ""
        """Of the frame that is being taken: what goes wrong with it is told under its id."""

    async def take_frame(self, text: str) -> None:
        self._frame_id = ""
        frame = read_frame(text)
        self._frame_id = name = _id_of(frame)
        match frame["type"]:
            case "ping":
                self._tell(name, "pong", {})
            case "auth":
                await self._take_token(name, frame)
            case "message":
                await self._say(name, messages.write_message, _payload(frame, MESSAGE))
            case "regenerate":
                await self._say(name, messages.regenerate_message, _payload(frame, REGENERATE))
            case "stop":
                self._start(name, self._stop(name, self._somebody(), _payload(frame, STOP)))
            case other:
                raise Invalid.field("type", f"{other[:40]!r} is none of: {KNOWN}", "choice")

    def is_following(self) -> bool:
        return bool(self._tasks)

    def complain(self, error: AppError) -> None:
        self._complain(self._frame_id, error)

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _take_token(self, name: str, frame: dict[str, Any]) -> None:
        if self.proof is not None:
            raise Conflict("This socket is authenticated already.", code="already_authenticated")
        payload = frame.get("payload")
        token = payload.get("token") if isinstance(payload, dict) else frame.get("token")
        if not isinstance(token, str) or not token:
            raise Unauthenticated
        if await self.authenticate(Proof(token=token)):
            self._tell(name, "complete", {"status": "authenticated"})

    async def _say(self, name: str, deed: Callable[..., Begun], payload: dict[str, Any]) -> None:
        """Begin an answer, and tell it in a task of its own."""
        actor = self._somebody()
        if len(self._tasks) >= MOST_AT_ONCE:
            raise Conflict(
                f"{MOST_AT_ONCE} answers are on their way on this socket.", code="too_many_answers"
            )
        verdict = await policy.hit_identity(actor.identity, "chat")
        if verdict is not None and not verdict.allowed:
            raise Limited(retry_after=verdict.retry_after)
        deed = partial(deed, actor=actor, **payload)
        _, generation = await say(actor, deed)
        self._start(name, self._pump(name, actor, Viewer(generation.transcript)))

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._told(name, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is told, and the socket stays
            self._complain(name, self.known(error))

    async def _pump(self, name: str, actor: Actor, viewer: Viewer) -> None:
        """Token by token as the reader takes them: what a slow one has not taken yet is told in larger pieces."""
        try:
            while (told := await viewer.next()) is not None:
                await self._room()
                match told.name:
                    case "token":
                        self._tell(name, "token", told.data)
                    case "reasoning":
                        thought = {"content": "", "reasoning": told.data["content"]}
                        self._tell(name, "token", thought)
                    case "done":
                        await self._complete(name, actor, viewer.transcript.message)
                    case "error":
                        self._tell(name, "error", told.data)
        finally:
            viewer.close()

    async def _stop(self, name: str, actor: Actor, payload: dict[str, Any]) -> None:
        stopped = await hub.stop(actor, **payload)
        for message in stopped:
            await self._complete(name, actor, message.public_id)
        if not stopped:
            self._tell(name, "complete", {"status": "complete", "message": None})

    async def _complete(self, name: str, actor: Actor, message_id: str) -> None:
        view = await in_pool(answer_shown, actor=actor, message_id=message_id)
        shown = message_values(view)
        total = shown["usage"]["total"] if shown["usage"] else 0
        told = {"status": shown["status"], "messageId": message_id, "totalTokens": total}
        self._tell(name, "complete", {**told, "message": shown})

    async def _room(self) -> None:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self.room()
        except TimeoutError:
            self.finish(Close.TRY_LATER, "you read too slowly")
            raise asyncio.CancelledError from None

    def _somebody(self) -> Actor:
        """Each answer is a request of its own in usage and logs."""
        if self.actor is None:
            raise Unauthenticated
        enter_organization(self.actor.organization_id)
        return Actor(self.actor.identity, request_id_from(None), self.actor.address)

    def _complain(self, name: str, error: AppError) -> None:
        frame = error_frame(error, self.request_id)
        told = {"code": frame.pop("error"), **frame}
        told.pop("type")
        self._tell(name, "error", told)

    def _tell(self, name: str, kind: str, payload: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.say(write_frame({"id": name, "type": kind, "payload": payload, "timestamp": now}))


def _id_of(frame: dict[str, Any]) -> str:
    name = frame.get("id", "")
    if not isinstance(name, str) or len(name) > LONGEST_ID:
        raise Invalid.field("id", f"must be a string of {LONGEST_ID} characters at most", "type")
    return name


def _payload(frame: dict[str, Any], fields: dict[str, bool]) -> dict[str, Any]:
    payload = frame.get("payload")
    if not isinstance(payload, dict):
        raise Invalid.field("payload", "must be an object", "type")
    wrong = [
        FieldError(f"payload.{name[:40]}", "is not a field here", "unknown_field")
        for name in list(payload)[:20]
        if name not in fields
    ]
    found = {name: value for name, value in payload.items() if value is not None}
    for name, must in fields.items():
        if name not in found and must:
            wrong.append(FieldError(f"payload.{name}", "is required", "required"))
        elif name in found and not isinstance(found[name], str):
            wrong.append(FieldError(f"payload.{name}", "must be a string", "type"))
    if wrong:
        raise Invalid(fields=wrong)
    return found
