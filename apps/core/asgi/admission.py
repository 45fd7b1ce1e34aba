"""Who comes in: authenticate, check the permission of the door, count against the limits.

Shared by HTTP and sockets. Warm, it touches neither database nor thread.
"""

from __future__ import annotations

from apps.core import authentication
from apps.core.actor import Actor, Identity
from apps.core.asgi.csrf import check_csrf
from apps.core.asgi.door import Door
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.errors import Limited, PermissionDenied, Unauthenticated
from apps.core.limits import policy
from apps.core.limits.domain import Verdict, headers
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.tenancy import enter_organization


async def admit(request: GateRequest, door: Door) -> None:
    """Set `request.actor` or raise. Enters the actor's organisation for the rest of this context."""
    identity = await _identity_of(request, door) if door.asks_who else None
    if identity is None:
        if not door.public:
            await charge_stranger(request)
            raise Unauthenticated
        if door.limit is not None:
            await charge_stranger(request)
        return
    request.actor = Actor(identity, request.request_id, request.address)
    enter_organization(identity.organization_id)
    if door.limit is not None and not door.admits_itself:
        # Before the permission: refusals count as calls.
        await charge(request, identity, door.limit)
    if door.permission is not None and door.permission.value not in identity.permissions:
        raise PermissionDenied(
            f"This needs the permission {door.permission.value}.", permission=door.permission.value
        )


async def _identity_of(request: GateRequest, door: Door) -> Identity | None:
    meta = request.META
    authorization, key = meta.get("HTTP_AUTHORIZATION"), meta.get(authentication.key_header())
    try:
        if authorization or key:
            token = authentication.read_token(authorization, key)
            return None if token is None else await identify(token, request.address)
        if "HTTP_COOKIE" in meta and (
            session := request.COOKIES.get(authentication.session_cookie_name())
        ):
            return await in_pool(_identify_session, request, session)
    except Unauthenticated:
        if door.public:
            return None
        await charge_stranger(request)
        raise
    return None


async def identify(token: str, address: str) -> Identity:
    """The identity behind a token: from memory when warm, through the pool when not."""
    known = authentication.authenticator()
    identity = known.recall(token)
    if identity is None:
        identity = await in_pool(known.identify, token)
    authentication.check_presence(identity, address)
    return identity


def _identify_session(request: GateRequest, session: str) -> Identity:
    identity = authentication.authenticator().identify_session(session)
    check_csrf(request)
    return identity


async def charge(request: GateRequest, identity: Identity, limit_class: str) -> None:
    """Count one call; the verdict's headers go onto the answer, whatever it is.

    While the store is away, those we know may go on reading, uncounted.
    """
    try:
        verdict = await policy.hit_identity(identity, limit_class)
    except LimitStoreUnavailable:
        if request.META["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise
        return
    _judge(request, verdict)


async def charge_stranger(request: GateRequest) -> None:
    """Anonymous calls, and every failed credential, count against the address."""
    _judge(request, await policy.hit_address(request.address))


def _judge(request: GateRequest, verdict: Verdict | None) -> None:
    if verdict is None:
        return
    request.answer_headers = headers(verdict)
    if not verdict.allowed:
        request.answer_headers = [
            pair for pair in request.answer_headers if pair[0] != "Retry-After"
        ]
        raise Limited(retry_after=verdict.retry_after)
