"""What an adapter is: pure translation between our words and a provider's, so that it is tested without a socket.

The gateway opens the connection, holds the limits and the guard, and hands bytes over. One kind does not go over HTTP
(`simulated`): it brings a `Transport` of its own and speaks OpenAI's dialect through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from apps.providers.domain.calls import Answer, Event, Refusal, UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Dialect, Operation, ProviderKind


@dataclass(slots=True)
class UpstreamRequest:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Hold the credential, so they are never shown."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class DiscoveredModel:
    """A model that a provider says it has."""

    name: str
    context_tokens: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class EventReader(Protocol):
    """Reads one stream. Keeps what an incomplete piece began until its rest comes."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole by now. Raises `UpstreamInvalid` for what is no stream of this dialect, and
        `UpstreamFailed` for an error spoken within the stream.

        Whole events that stand before the error in the same piece are given first; the next `feed` or `close` raises.
        `feed(b"")` asks at once.
        """

    def close(self) -> list[Event]:
        """The connection has ended: what was left, if it makes an event. Raises what `feed` has kept, or
        `UpstreamFailed`; a piece that broke off in the middle is dropped.
        """


class Adapter(Protocol):
    kind: ClassVar[ProviderKind]
    dialect: ClassVar[Dialect]
    """Of the bodies it is given, and of the answers and events it gives."""
    operations: ClassVar[frozenset[Operation]]
    default_base_url: ClassVar[str]
    """Empty: whoever makes such a provider must name one."""
    needs_credential: ClassVar[bool]

    def request(self, call: UpstreamCall, provider: ProviderView) -> UpstreamRequest: ...

    def answer(self, call: UpstreamCall, body: bytes) -> Answer:
        """Raises `UpstreamInvalid`, or `UpstreamFailed` for an error told with status 200."""

    def events(self, call: UpstreamCall) -> EventReader: ...

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        """Reads any body whatever; never raises. What looks like a key is masked; `refusals.masked` takes out a
        provider's own credential whatever it looks like.
        """

    def models_request(self, provider: ProviderView) -> UpstreamRequest: ...

    def models(self, body: bytes) -> list[DiscoveredModel]:
        """Raises `UpstreamInvalid`."""


class UpstreamFailed(Exception):
    """An error told within a stream that had begun well."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Exchange(Protocol):
    """One answer on its way: status and headers are here, the body comes in pieces."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    def pieces(self) -> AsyncIterator[bytes]:
        """Pieces as they come, unpacked and bounded. Raises the errors of `core.http_client`."""

    async def close(self) -> None:
        """Let go at once: the upstream sees the connection end. Safe to call twice."""


class Transport(Protocol):
    """How a request reaches its upstream."""

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_seconds: float,
        idle_seconds: float,
        total_seconds: float,
        most_bytes: int,
    ) -> Exchange:
        """Raises the errors of `core.http_client`: Forbidden, CallFailed, CallTimedOut."""
