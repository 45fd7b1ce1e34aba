"""The open sockets and event streams of this process: how many strangers an address holds, whom news of identities
concerns.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Protocol

import structlog

from apps.core import metrics
from apps.core.actor import Identity
from apps.core.asgi import lifecycle
from apps.core.asgi.gate import to_app_error
from apps.core.asgi.pool import in_pool
from apps.core.changes import on_change
from apps.core.errors import PermissionDenied, Unauthenticated
from apps.core.limits.place import place_of
from apps.core.ws.auth import Proof, identify_anew
from apps.core.ws.codes import Close

log = structlog.get_logger(__name__)

MAX_STRANGERS = 20
"""Sockets one place may hold before they have said who they are."""
NEWS = "identity:"
RENEWED_AT_ONCE = 500
"""Sockets whose rights are renewed in one turn of the loop."""
TRIES = 4
PAUSE = 1.0


class Socket(Protocol):
    loop: asyncio.AbstractEventLoop
    proof: Proof | None

    @property
    def organization(self) -> str | None: ...
    def renew(self, identity: Identity) -> None: ...
    def finish(self, code: Close, reason: str = "") -> None: ...


class Registry:
    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._strangers: Counter[str] = Counter()
        self._due: dict[asyncio.AbstractEventLoop, dict[Proof, set[Socket]]] = {}
        self._checks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        self.news = 0

    @property
    def count(self) -> int:
        return len(self._sockets)

    def add(self, socket: Socket) -> None:
        self._sockets.add(socket)
        metrics.SOCKETS.inc()

    def remove(self, socket: Socket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
            metrics.SOCKETS.dec()

    def let_stranger_in(self, address: str) -> bool:
        place = place_of(address)
        if self._strangers[place] >= MAX_STRANGERS:
            return False
        self._strangers[place] += 1
        return True

    def forget_stranger(self, address: str) -> None:
        place = place_of(address)
        self._strangers[place] -= 1
        if self._strangers[place] <= 0:
            del self._strangers[place]

    def ask_again_after(self, news: int, socket: Socket) -> None:
        """For a socket that was let in by what was so at `news`, and could not be told of what came since."""
        if self.news != news:
            self._check([socket])

    def hear(self, scope: str) -> None:
        """News from any thread: those of one organization, or of all, must show their proof again."""
        self.news += 1  # first, so that a socket not yet found below sees that it missed something
        organization = scope.removeprefix(NEWS)
        concerned = [
            one
            for one in list(self._sockets)
            if not organization or one.organization == organization
        ]
        for loop in {socket.loop for socket in concerned}:
            sockets = [socket for socket in concerned if socket.loop is loop]
            try:
                loop.call_soon_threadsafe(self._check, sockets)
            except RuntimeError:  # that loop has ended
                self._sockets.difference_update(sockets)

    def _check(self, sockets: Iterable[Socket]) -> None:
        """Ask for these, one proof after the other: news that overtook each other could bring back old rights."""
        loop = asyncio.get_running_loop()
        due = self._due.setdefault(loop, {})
        for socket in sockets:
            if socket.proof is not None:
                due.setdefault(socket.proof, set()).add(socket)
        if due and loop not in self._checks:
            self._checks[loop] = loop.create_task(self._ask_all(loop, due))

    async def _ask_all(
        self, loop: asyncio.AbstractEventLoop, due: dict[Proof, set[Socket]]
    ) -> None:
        try:
            while due:
                proof = next(iter(due))
                await _ask_again(proof, due.pop(proof))
        finally:
            del self._checks[loop], self._due[loop]

    async def finish_all(self) -> None:
        """The server drains."""
        for socket in list(self._sockets):
            socket.loop.call_soon_threadsafe(socket.finish, Close.RESTART)
        await asyncio.sleep(0)


async def _ask_again(proof: Proof, sockets: Collection[Socket]) -> None:
    """Renew the sockets of one proof, or close them. A database that stays away closes them too."""
    for attempt in range(TRIES):
        try:
            identity = await in_pool(identify_anew, proof)
        except (Unauthenticated, PermissionDenied):
            return _finish(sockets, Close.UNAUTHENTICATED)
        except Exception as error:
            if to_app_error(error) is None:
                log.exception("recheck_failed")
                return _finish(sockets, Close.INTERNAL)
            if attempt < TRIES - 1:
                await asyncio.sleep(PAUSE)
            continue
        for number, socket in enumerate(sockets, 1):
            _renew(socket, identity)
            if number % RENEWED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return None
    return _finish(sockets, Close.TRY_LATER)


def _renew(socket: Socket, identity: Identity) -> None:
    try:
        socket.renew(identity)
    except Exception:  # one socket's bug ends it, and keeps no other its old rights
        log.exception("renewal_failed")
        socket.finish(Close.INTERNAL)


def _finish(sockets: Iterable[Socket], code: Close) -> None:
    for socket in sockets:
        socket.finish(code)


registry = Registry()


def watch() -> None:
    """Hear of changed identities and of the end of the server; once, at start-up."""
    on_change(NEWS, registry.hear)
    lifecycle.on_drain(registry.finish_all)
