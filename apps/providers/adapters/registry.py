"""Which adapter speaks for a kind, and how its requests travel. Loaded with first use: idle, a server holds none."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from apps.providers.adapters.protocol import Adapter, Transport
from apps.providers.enums import ProviderKind

OWN_TRANSPORT = frozenset({ProviderKind.SIMULATED, ProviderKind.LOCAL})


@cache
def adapter_for(kind: ProviderKind) -> Adapter:
    adapter: Adapter = import_module(f"apps.providers.adapters.{kind.value}.adapter").ADAPTER
    return adapter


@cache
def transport_for(kind: ProviderKind) -> Transport | None:
    """None: over the guarded HTTP client that all others share."""
    if kind not in OWN_TRANSPORT:
        return None
    transport: Transport = import_module(
        f"apps.providers.adapters.{kind.value}.transport"
    ).TRANSPORT
    return transport
