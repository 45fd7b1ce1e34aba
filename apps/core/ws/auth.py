"""Who a socket is: by header, by the session of a page of ours, or by a token in its first frame.

The proof is kept as long as the socket lives, since what it is worth is asked again when news comes.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.core import authentication
from apps.core.actor import Identity
from apps.core.asgi.admission import identify
from apps.core.asgi.pool import in_pool
from apps.core.errors import Limited, PermissionDenied, Unauthenticated
from apps.core.limits import policy
from apps.core.ws.handshake import Handshake


@dataclass(frozen=True, slots=True)
class Proof:
    """A token or a session key."""

    token: str = ""
    session: str = ""


def proof_in(handshake: Handshake) -> Proof | None:
    """What the opening request carries. A cookie counts only when a page of ours sent it."""
    if handshake.authorization or handshake.key:
        token = authentication.read_token(handshake.authorization, handshake.key)
        return Proof(token=token) if token else None
    if handshake.session is not None:
        if not handshake.is_same_origin:
            raise PermissionDenied(
                "A socket by session must come from a page of ours.", code="foreign_origin"
            )
        return Proof(session=handshake.session)
    return None


async def admit(proof: Proof, address: str) -> Identity:
    """The identity behind a proof, counted as one call; failures count against the address."""
    try:
        identity = await _identify(proof, address)
    except Unauthenticated:
        verdict = await policy.hit_address(address)
        if verdict is not None and not verdict.allowed:
            raise Limited(retry_after=verdict.retry_after) from None
        raise
    verdict = await policy.hit_identity(identity, "default")
    if verdict is not None and not verdict.allowed:
        raise Limited(retry_after=verdict.retry_after)
    return identity


async def _identify(proof: Proof, address: str) -> Identity:
    if proof.token:
        if len(proof.token) > authentication.MAX_TOKEN_LENGTH:
            raise Unauthenticated
        return await identify(proof.token, address)
    return await in_pool(authentication.authenticator().identify_session, proof.session)


def identify_anew(proof: Proof) -> Identity:
    """What a proof is worth now, by the database."""
    known = authentication.authenticator()
    return known.identify(proof.token) if proof.token else known.identify_session(proof.session)
