"""How calls reach their upstreams: the transport of a kind, over HTTP unless the kind brings its own."""

from __future__ import annotations

from apps.core.http_client.exchange import open_exchange
from apps.providers.adapters import registry
from apps.providers.adapters.protocol import Adapter, Exchange, Transport, UpstreamRequest
from apps.providers.enums import ProviderKind


class HttpTransport:
    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_seconds: float,
        idle_seconds: float,
        total_seconds: float,
        most_bytes: int,
    ) -> Exchange:
        return await open_exchange(
            request.method,
            request.url,
            headers=request.headers,
            body=request.body,
            first_byte_seconds=first_byte_seconds,
            idle_seconds=idle_seconds,
            total_seconds=total_seconds,
            most_bytes=most_bytes,
        )


_http = HttpTransport()


def adapter_of(kind: ProviderKind) -> Adapter:
    return registry.adapter_for(kind)


def transport_of(kind: ProviderKind) -> Transport:
    return registry.transport_for(kind) or _http
