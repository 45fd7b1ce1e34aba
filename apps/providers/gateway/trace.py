"""What is known of one call so far: told in headers while it lives, written down at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from apps.core.actor import Actor
from apps.providers.domain.calls import Call, Usage
from apps.providers.domain.tables import DeploymentView, RouteView
from apps.providers.ledger.protocol import Reservation

if TYPE_CHECKING:
    from apps.providers.gateway.keeping import Keeper
    from apps.providers.gateway.kept import Kept

NANO = 1_000_000_000


@dataclass(slots=True)
class Trace:
    actor: Actor
    call: Call
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=perf_counter)
    route: RouteView | None = None
    deployment: DeploymentView | None = None
    attempts: int = 0
    is_fallback: bool = False
    is_cached: bool = False
    reservation: Reservation | None = None
    upstream_seconds: float = 0.0
    """Spent waiting for upstreams; the rest of the duration is ours."""
    first_token_seconds: float | None = None
    usage: Usage | None = None
    cost_nano: int = 0
    was_sent: bool = False
    """Whether a prompt went upstream with the last attempt."""
    prompt_estimate: int = 0
    """Of the prompt that was sent, by our own count; 0 where nobody needed it."""
    text: str = ""
    """Of a whole answer; a stream's is counted as it passes and kept only where somebody asks for it."""
    prefill: str = ""
    """What the model is to go on from, where it does: part of the prompt, but not of the caller's body."""
    continuations: int = 0
    """How often the stream went on at another deployment, or anew at the same."""
    past: Usage | None = None
    """Of the attempts that broke off before the present one went on."""
    past_nano: int = 0
    text_events: int = 0
    text_bytes: int = 0
    is_booked: bool = False
    is_counted: bool = False
    """Whether the call was counted against its rate before it came here."""
    keeper: Keeper | None = None
    """Where route or key asks for answers to be put aside."""
    kept: Kept | None = None
    """The answer, where it was there already."""

    @property
    def seconds(self) -> float:
        return perf_counter() - self.started


def headers_of(trace: Trace) -> list[tuple[str, str]]:
    """What the answer says of itself. A stream's tell what is known at its first byte."""
    headers = [
        ("x-signalbox-attempts", str(trace.attempts)),
        ("x-signalbox-cache", "hit" if trace.is_cached else "miss"),
        ("x-signalbox-overhead-ms", f"{(trace.seconds - trace.upstream_seconds) * 1000:.2f}"),
    ]
    if (deployment := trace.deployment) is not None:
        headers.append(("x-signalbox-deployment", plain(deployment.name)))
        headers.append(("x-signalbox-provider", plain(deployment.provider.name)))
        headers.append(("x-signalbox-fallback", "true" if trace.is_fallback else "false"))
    if trace.usage is not None or trace.is_cached:
        headers.append(("x-signalbox-cost", dollars(trace.cost_nano)))
    return headers


def limits_of(trace: Trace) -> list[tuple[str, str]]:
    """Where the caller stands, on whatever answer: the rate's window, and what is left of the tightest budget."""
    reservation = trace.reservation
    if reservation is None:
        return []
    headers = []
    if (verdict := reservation.verdict) is not None:
        headers = [
            ("X-RateLimit-Limit", str(verdict.limit)),
            ("X-RateLimit-Remaining", str(verdict.remaining)),
            ("X-RateLimit-Reset", str(verdict.reset_at)),
        ]
    nano, tokens = reservation.left
    # This call's own hold is not spent yet; what it came to is.
    if nano is not None:
        nano += reservation.held.nano - trace.cost_nano if reservation.is_granted else 0
        headers.append(("x-signalbox-budget-remaining", dollars(max(0, nano))))
    if tokens is not None:
        used = trace.usage.total_tokens if trace.usage is not None else 0
        tokens += reservation.held.tokens - used if reservation.is_granted else 0
        headers.append(("x-signalbox-tokens-remaining", str(max(0, tokens))))
    return headers


def dollars(nano: int) -> str:
    """Plain decimal: never 1e-07."""
    whole, rest = divmod(nano, NANO)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") if rest else str(whole)


def plain(name: str) -> str:
    """A name that people chose, fit for a header."""
    return (
        name if name.isascii() and name.isprintable() else name.encode("ascii", "replace").decode()
    )
