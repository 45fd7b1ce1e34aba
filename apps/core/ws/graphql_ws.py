"""`/graphql` as a socket: the protocol `graphql-transport-ws`, every operation of the one schema.

Nothing runs before `connection_init` has brought a credential, or the handshake has. Queries and mutations take one
hop into the pool; a subscription is a task that ends with `complete`, with its socket, or with its reader's patience.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from graphql import ExecutionResult, OperationType

from apps.core import authentication
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError, Limited, Malformed, TooLarge, Unauthenticated
from apps.core.graphql.context import GraphContext, new_context
from apps.core.graphql.errors import format_error, format_refusal
from apps.core.graphql.execution import (
    Prepared,
    listen,
    prepare,
    present,
    read_operation,
    run,
    run_on_loop,
)
from apps.core.limits import policy
from apps.core.ws.auth import Proof
from apps.core.ws.base import HouseConsumer
from apps.core.ws.codes import Close
from apps.core.ws.frames import read_frame, write_frame

PROTOCOL = "graphql-transport-ws"
MAX_OPERATIONS = 100
MAX_ID = 128
FOREVER = float("inf")


class GraphQLConsumer(HouseConsumer):
    subprotocol: str | None = PROTOCOL
    silence_code = Close.INIT_TIMEOUT

    def __init__(self) -> None:
        super().__init__()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._subscriptions: set[str] = set()
        self._is_initialised = False

    async def connect(self) -> None:
        if PROTOCOL not in self.scope.get("subprotocols", ()):
            self.subprotocol = None
            await self.accept()
            await self.close(int(Close.BAD_SUBPROTOCOL), f"speak {PROTOCOL}")
            return
        await super().connect()
        if self.actor is not None:
            self._start_timer("init", self.patience, Close.INIT_TIMEOUT)

    async def take_frame(self, text: str) -> None:
        try:
            frame = read_frame(text)
        except AppError as error:
            code = Close.TOO_LARGE if isinstance(error, TooLarge) else Close.BAD_REQUEST
            self.finish(code, error.message)
            return
        match frame["type"]:
            case "connection_init":
                await self._initialise(frame)
            case "ping":
                self._send("pong", frame.get("payload"))
            case "pong":
                pass
            case "subscribe":
                self._subscribe(frame)
            case "complete":
                self._complete(frame)
            case other:
                self.finish(Close.BAD_REQUEST, f"unknown message type {other[:40]!r}")

    def is_following(self) -> bool:
        return bool(self._subscriptions)

    def complain(self, error: AppError) -> None:
        """The protocol has no frame for an error of the socket itself: the close code and reason say it."""
        self.finish(Close.INTERNAL, error.message)

    def fail(self, error: AppError) -> None:
        self.finish(self.code_for(error), error.message)

    async def leave(self) -> None:
        for task in list(self._operations.values()):
            task.cancel()

    async def _initialise(self, frame: dict[str, Any]) -> None:
        if self._is_initialised:
            self.finish(Close.TOO_MANY, "Too many initialisation requests")
            return
        self._is_initialised = True
        self._stop_timer("init")
        try:
            proof = _proof_in(frame.get("payload"))
            if proof is not None and self.proof not in (None, proof):
                raise Malformed("Two different credentials in one socket.", code="two_credentials")
        except AppError as error:
            self.fail(error)
            return
        if self.proof is None:
            if proof is None:
                self.fail(Unauthenticated())
                return
            if not await self.authenticate(proof):
                return
        self._send("connection_ack", None)

    def _subscribe(self, frame: dict[str, Any]) -> None:
        if self.actor is None or not self._is_initialised:
            self.finish(Close.UNAUTHENTICATED, "Unauthorized")
            return
        identifier = frame.get("id")
        if not isinstance(identifier, str) or not 0 < len(identifier) <= MAX_ID:
            self.finish(Close.BAD_REQUEST, f"id must be a string of 1 to {MAX_ID} characters")
        elif identifier in self._operations:
            self.finish(Close.SUBSCRIBER_EXISTS, f"Subscriber for {identifier} already exists")
        elif len(self._operations) >= MAX_OPERATIONS:
            error = Limited(
                f"A socket runs at most {MAX_OPERATIONS} operations.", code="too_many_operations"
            )
            self._refuse_operation(identifier, error)
        else:
            self._operations[identifier] = self.loop.create_task(
                self._operate(identifier, frame.get("payload"), self.actor)
            )

    def _complete(self, frame: dict[str, Any]) -> None:
        task = self._operations.get(str(frame.get("id")))
        if task is not None:
            task.cancel()

    async def _operate(self, identifier: str, payload: Any, actor: Actor) -> None:
        context = new_context(actor, self.request_id)
        try:
            prepared = prepare(read_operation(payload), is_anonymous=False)
            await self._charge(actor, prepared.calls)
            if prepared.kind is OperationType.SUBSCRIPTION:
                await self._follow(identifier, prepared, context)
            elif prepared.is_on_loop:
                self._send("next", await run_on_loop(prepared, context), identifier)
                self._send("complete", None, identifier)
            else:
                self._send("next", await in_pool(run, prepared, context), identifier)
                self._send("complete", None, identifier)
        except Exception as error:  # noqa: BLE001 - told to the operation, known or not
            self._refuse_operation(identifier, self.known(error))
        finally:
            self._operations.pop(identifier, None)
            self._subscriptions.discard(identifier)

    async def _charge(self, actor: Actor, calls: int) -> None:
        verdict = await in_pool(
            policy.hit_more_now, actor.identity, actor.address, "default", max(1, calls)
        )
        if verdict is not None and not verdict.allowed:
            raise Limited(retry_after=verdict.retry_after)

    async def _follow(self, identifier: str, prepared: Prepared, context: GraphContext) -> None:
        context.deadline = FOREVER
        results = await listen(prepared, context)
        if isinstance(results, ExecutionResult):
            errors = [format_error(error, context) for error in results.errors or ()]
            self._send("error", errors, identifier)
            return
        self._subscriptions.add(identifier)
        await self._pass_on(identifier, results, context)

    async def _pass_on(
        self, identifier: str, results: AsyncIterator[ExecutionResult], context: GraphContext
    ) -> None:
        try:
            async for result in results:
                self._send("next", present(result, context), identifier)
                await self.room()
        finally:
            close = getattr(results, "aclose", None)
            if close is not None:
                await close()
        self._send("complete", None, identifier)

    def _refuse_operation(self, identifier: str, error: AppError) -> None:
        self._send("error", [format_refusal(error, self.request_id)], identifier)

    def _send(self, kind: str, payload: Any, identifier: str | None = None) -> None:
        frame: dict[str, Any] = {"type": kind}
        if identifier is not None:
            frame["id"] = identifier
        if payload is not None:
            frame["payload"] = payload
        self.say(write_frame(frame))


def _proof_in(payload: Any) -> Proof | None:
    """The credential in `connection_init`: `{token}`, `{Authorization: "Bearer …"}` or `{X-API-Key}`."""
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise Malformed("The payload of connection_init is an object.")
    given = {str(name).lower(): value for name, value in payload.items()}
    texts = {
        name: value
        for name in ("token", "authorization", "x-api-key", "api_key")
        if isinstance(value := given.get(name), str) and value
    }
    key = texts.get("token") or texts.get("x-api-key") or texts.get("api_key")
    token = authentication.read_token(texts.get("authorization"), key)
    return Proof(token=token) if token else None
