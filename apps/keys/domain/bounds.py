"""Whether one term of a key allows no more than another."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from apps.core.limits.rates import Rate

Network = IPv4Network | IPv6Network


def is_rate_within(rate: Rate, bound: Rate) -> bool:
    """Whether `rate` can never let through more than `bound` does, in whatever stretch one looks at."""
    windows = -(-bound.window_seconds // rate.window_seconds)
    return rate.limit * windows <= bound.limit


def are_networks_within(networks: Iterable[Network], bounds: Iterable[Network]) -> bool:
    """Whether every network lies in one of the bounds."""
    outer = list(bounds)
    return all(any(_lies_in(inner, each) for each in outer) for inner in networks)


def _lies_in(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False
