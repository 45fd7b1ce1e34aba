"""The base of every socket: its life from handshake to close, and the bounded way out.

What the kernel takes at once is written at once. The rest goes through one short queue; a reader that lets it fill up
is cut off: nothing waits in memory for a socket that does not read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from apps.core.actor import Actor, Identity
from apps.core.asgi.gate import to_app_error
from apps.core.asgi.lifecycle import lifecycle
from apps.core.authentication import check_presence
from apps.core.errors import AppError, Kind, Limited, Malformed, Unauthenticated
from apps.core.tenancy import enter_organization
from apps.core.ws import auth
from apps.core.ws.codes import Close
from apps.core.ws.frames import MAX_BYTES
from apps.core.ws.handshake import Handshake, read_handshake
from apps.core.ws.registry import registry

log = structlog.get_logger(__name__)

CUT_SECONDS = 5.0
"""How long a reader that does not read is given to take the close frame."""
SPARE = 32
"""Frames beyond the capacity, for what a reader has to be told that is behind."""
FRAMES_PER_SECOND = 50
BURST = 100

CLOSE_FOR: dict[Kind, Close] = {
    Kind.UNAUTHENTICATED: Close.UNAUTHENTICATED,
    Kind.DENIED: Close.UNAUTHENTICATED,
    Kind.LIMITED: Close.TOO_MANY,
    Kind.MALFORMED: Close.BAD_REQUEST,
    Kind.INVALID: Close.BAD_REQUEST,
    Kind.UNAVAILABLE: Close.TRY_LATER,
}


class HouseConsumer(AsyncWebsocketConsumer):
    """One socket. Subclasses say how they greet, read frames, and tell what went wrong."""

    subprotocol: str | None = None
    patience = 10.0
    """Seconds in which a socket has to say who it is."""
    silence_code = Close.UNAUTHENTICATED
    """The close code of a socket that has not said who it is in time."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.proof: auth.Proof | None = None
        self.actor: Actor | None = None
        self.handshake: Handshake
        self._outgoing: deque[dict[str, Any]] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._write_now: Callable[[str], bool] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_finished = False
        self._is_stranger = False
        self._allowance, self._allowed_at = float(BURST), monotonic()

    @property
    def organization(self) -> str | None:
        return self.actor.identity.organization if self.actor else None

    @property
    def request_id(self) -> str:
        return self.handshake.request_id

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own would hop into a thread at each frame to close database connections, which no socket holds.
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive":
                await self._receive(message)
            case "websocket.disconnect":
                await self._end()
                raise StopConsumer

    async def connect(self) -> None:
        self.handshake = read_handshake(self.scope)
        # Our own server's way past its `send`; other servers (daphne, a test's) have none.
        self._write_now = getattr(self._protocol, "write_text", None)
        registry.add(self)
        try:
            proof = auth.proof_in(self.handshake)
        except AppError as error:
            await self._refuse(error)
            return
        if not self.handshake.is_host_served:
            await self.close()
            return
        if not await self._is_welcome(proof):
            return
        await self.accept(self.subprotocol)
        if lifecycle.is_draining:
            self.finish(Close.RESTART)
        elif proof is not None:
            await self.authenticate(proof)
        else:
            self._start_timer("auth", self.patience, self.silence_code)

    async def _is_welcome(self, proof: auth.Proof | None) -> bool:
        if proof is None and not registry.let_stranger_in(self.handshake.address):
            await self.accept(self.subprotocol)
            self.finish(Close.TOO_MANY, "too many unauthenticated sockets")
            return False
        self._is_stranger = proof is None
        return True

    async def _refuse(self, error: AppError) -> None:
        """Refuse a handshake: a foreign page gets no socket at all, a bad credential its close code."""
        if error.kind is Kind.DENIED:
            await self.close()
            return
        await self.accept(self.subprotocol)
        self.fail(error)

    async def authenticate(self, proof: auth.Proof) -> bool:
        """Take a proof; a bad one ends the socket."""
        news = registry.news
        try:
            identity = await auth.admit(proof, self.handshake.address)
        except Exception as error:  # noqa: BLE001 - a socket ends with a code, whatever happened
            self.fail(self.known(error))
            return False
        self.proof = proof
        self._stop_timer("auth")
        self._leave_strangers()
        self._be(identity)
        registry.ask_again_after(news, self)
        return True

    def renew(self, identity: Identity) -> None:
        """Its rights have changed. What it follows and may no longer ends it; the client comes back with less."""
        if self._is_finished:
            return
        before = self.actor
        if before is not None and before.organization_id != identity.organization_id:
            # What it follows belongs to the organisation it came for, whose news would no longer concern it.
            self.finish(Close.UNAUTHENTICATED, "your session has moved to another organisation")
            return
        try:
            check_presence(identity, self.handshake.address)
        except AppError as error:
            self.fail(error)
            return
        self._be(identity)
        if before is not None and self.is_following() and before.permissions - identity.permissions:
            self.finish(Close.UNAUTHENTICATED, "your permissions have changed")

    def is_following(self) -> bool:
        """Whether events flow to this socket."""
        raise NotImplementedError

    async def take_frame(self, text: str) -> None:
        """Act on one frame; whatever it raises is told by `complain`."""
        raise NotImplementedError

    def complain(self, error: AppError) -> None:
        """Tell of an error that leaves the socket open."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Let go of what the socket held."""

    @property
    def has_room(self) -> bool:
        """Whether the reader keeps up: what need not be said now is better not said when it does not."""
        return len(self._outgoing) < settings.SIGNALBOX_SOCKET_CAPACITY

    async def room(self) -> None:
        """Wait until the reader has taken most of what was said."""
        while len(self._outgoing) > settings.SIGNALBOX_SOCKET_CAPACITY // 2:
            waiter = self.loop.create_future()
            self._waiters.append(waiter)
            await waiter

    @property
    def is_quiet(self) -> bool:
        """Whether nothing that was said still waits."""
        return self._writer is None and not self._outgoing

    def caught_up(self) -> None:
        """The reader has taken all that was said."""

    def say(self, text: str) -> None:
        """Send a frame when the reader is ready for it; never blocks."""
        if self._is_finished:
            return
        if self.is_quiet and self._write_now is not None and self._write_now(text):
            return
        if len(self._outgoing) >= settings.SIGNALBOX_SOCKET_CAPACITY + SPARE:
            self._outgoing.clear()
            self.finish(Close.TRY_LATER, "you read too slowly")
            return
        self._put({"type": "websocket.send", "text": text})

    def fail(self, error: AppError) -> None:
        """Tell of an error and close for it."""
        self.complain(error)
        self.finish(self.code_for(error), error.message)

    def code_for(self, error: AppError) -> Close:
        return CLOSE_FOR.get(error.kind, Close.INTERNAL)

    def finish(self, code: Close, reason: str = "") -> None:
        """Close after what is already on its way."""
        if self._is_finished:
            return
        self._is_finished = True
        # A close frame holds 123 bytes of reason.
        text = reason.encode()[:120].decode("utf-8", "ignore")
        self._put({"type": "websocket.close", "code": int(code), "reason": text})
        self._timers["cut"] = self.loop.call_later(CUT_SECONDS, self._cut)

    def known(self, error: Exception) -> AppError:
        """The error as ours; a bug is logged and shows its request id alone."""
        known = to_app_error(error)
        if known is None:
            log.error(
                "unhandled", request_id=self.request_id, path=self.scope["path"], exc_info=error
            )
            known = AppError()
        return known

    async def _receive(self, message: dict[str, Any]) -> None:
        if self._is_finished:
            return
        text = message.get("text")
        if not self._has_allowance():
            self.complain(Limited("Too many frames."))
            self.finish(Close.POLICY, "too many frames")
        elif text is None:
            self.complain(Malformed("Frames are text."))
            self.finish(Close.UNSUPPORTED_DATA, "frames are text")
        elif len(text) > MAX_BYTES:
            self.finish(Close.TOO_LARGE, f"a frame may have {MAX_BYTES} bytes")
        else:
            await self._take(text)

    async def _take(self, text: str) -> None:
        try:
            await self.take_frame(text)
        except Unauthenticated as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 - a bad frame never ends in a crash
            self.complain(self.known(error))

    def _has_allowance(self) -> bool:
        now = monotonic()
        earned = (now - self._allowed_at) * FRAMES_PER_SECOND
        self._allowance, self._allowed_at = min(BURST, self._allowance + earned) - 1, now
        return self._allowance >= 0

    def _be(self, identity: Identity) -> None:
        self.actor = Actor(identity, self.request_id, self.handshake.address)
        enter_organization(identity.organization_id)
        self._stop_timer("expiry")
        if identity.expires_at is not None:
            left = (identity.expires_at - datetime.now(UTC)).total_seconds()
            self._start_timer("expiry", max(0.0, left), Close.UNAUTHENTICATED)

    def _start_timer(self, name: str, seconds: float, code: Close) -> None:
        self._timers[name] = self.loop.call_later(seconds, self.finish, code)

    def _stop_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _leave_strangers(self) -> None:
        if self._is_stranger:
            self._is_stranger = False
            registry.forget_stranger(self.handshake.address)

    def _put(self, message: dict[str, Any]) -> None:
        self._outgoing.append(message)
        if self._writer is None:
            self._writer = self.loop.create_task(self._write())

    async def _write(self) -> None:
        """Runs while there is something to send, so that a silent socket costs no task."""
        try:
            while self._outgoing:
                await self.base_send(self._outgoing.popleft())
                if self._waiters:
                    self._let_on()
                if not self._outgoing:
                    self.caught_up()
        except OSError:  # the client is gone; its disconnect is on the way
            self._outgoing.clear()
        finally:
            self._writer = None

    def _let_on(self) -> None:
        if len(self._outgoing) <= settings.SIGNALBOX_SOCKET_CAPACITY // 2:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _cut(self) -> None:
        """The close frame found no way out: drop the connection under it, where the server lets us."""
        transport = getattr(self._protocol, "transport", None)
        if transport is not None:
            transport.abort()

    @property
    def _protocol(self) -> object | None:
        """The server's side of the connection, where `send` is a method of it."""
        return getattr(self.base_send, "__self__", None)

    async def _end(self) -> None:
        self._is_finished = True
        for name in list(self._timers):
            self._stop_timer(name)
        self._leave_strangers()
        registry.remove(self)
        if self._writer is not None:
            self._writer.cancel()
        await self.leave()
