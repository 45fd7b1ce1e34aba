"""The hot GET as FastAPI's manual would have it, twice.

`application` carries request id, headers and access record in `@app.middleware("http")`, as the manual shows;
`tuned` in a bare ASGI middleware, which is quicker and which few people write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from time import perf_counter
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from pydantic import BaseModel

from bench.peers import work


class Named(BaseModel):
    id: str
    name: str


class User(Named):
    email: str


class Organization(Named):
    slug: str


class Credential(BaseModel):
    kind: str
    id: str
    expires_at: datetime | None


class Profile(BaseModel):
    user: User | None
    service_account: Named | None
    organization: Organization
    role: str
    approver: bool
    permissions: list[str]
    credential: Credential


async def authenticate(
    request: Request, authorization: Annotated[str, Header()] = ""
) -> work.Caller:
    scheme, _, token = authorization.partition(" ")
    caller = work.recall(token) if scheme.lower() == "bearer" else None
    if caller is None:
        raise HTTPException(401)
    request.state.caller = caller
    return caller


async def admit(
    response: Response, caller: Annotated[work.Caller, Depends(authenticate)]
) -> work.Caller:
    fits, left, reset = work.window.hit(caller.credential)
    headers = work.limit_headers(left, reset)
    if not fits:
        raise HTTPException(429, headers=headers)
    response.headers.update(headers)
    return caller


async def me(caller: Annotated[work.Caller, Depends(admit)]) -> Profile:
    return Profile.model_validate(work.profile(caller))


def build() -> FastAPI:
    app = FastAPI()
    app.get("/api/v1/auth/me", response_model=Profile)(me)
    return app


application = build()


@application.middleware("http")
async def carry(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    started = perf_counter()
    request_id = request.headers.get("x-request-id") or work.new_request_id()
    response = await call_next(request)
    response.headers.update(work.SECURITY_HEADERS)
    response.headers["x-request-id"] = request_id
    work.record_access(
        request_id=request_id,
        method=request.method,
        path=request.url.path,
        status=response.status_code,
        started=started,
        address=request.client.host if request.client else "",
        caller=getattr(request.state, "caller", None),
    )
    return response


class Carry:
    """The same on the wire, without FastAPI's request and response objects."""

    headers = [(name.encode(), value.encode()) for name, value in work.SECURITY_HEADERS.items()]

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id")
        request_id = given.decode("ascii") if given else work.new_request_id()
        status = 500

        async def send_dressed(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += [*self.headers, (b"x-request-id", request_id.encode())]
            await send(message)

        await self.app(scope, receive, send_dressed)
        work.record_access(
            request_id=request_id,
            method=scope["method"],
            path=scope["path"],
            status=status,
            started=started,
            address=scope["client"][0],
            caller=scope.get("state", {}).get("caller"),
        )


tuned = build()
tuned.add_middleware(Carry)
