"""Which windows a call counts against: the key's own rates first, then the settings' classes."""

from __future__ import annotations

from django.conf import settings

from apps.core.actor import Identity
from apps.core.limits.domain import Verdict
from apps.core.limits.factory import get_store
from apps.core.limits.place import place_of
from apps.core.limits.rates import Rate
from apps.core.limits.store import Check


async def hit_identity(identity: Identity, limit_class: str) -> Verdict:
    return tightest(await get_store().hit(checks_of(identity, limit_class)))


async def hit_address(address: str) -> Verdict:
    return tightest(await get_store().hit(_anonymous_checks(address)))


def hit_more_now(identity: Identity | None, address: str, limit_class: str, cost: int) -> Verdict:
    """Count further calls within a request that was admitted as one, from a thread."""
    if identity is not None:
        checks = [check._replace(cost=cost) for check in checks_of(identity, limit_class)]
    else:
        checks = _anonymous_checks(address, cost)
    return tightest(get_store().hit_now(checks))


def rate_for(identity: Identity, limit_class: str) -> Rate:
    own = identity.limits
    rate = own.get(limit_class) or own.get("all")
    if rate is not None:
        return rate
    classes: dict[str, Rate] = settings.SIGNALBOX_RATES
    return classes.get(limit_class) or own.get("default") or classes["default"]


def checks_of(identity: Identity, limit_class: str) -> list[Check]:
    """The windows of one call, for whoever charges them together with something else."""
    checks = [Check(f"{identity.credential.id}:{limit_class}", rate_for(identity, limit_class))]
    checks += [Check(identity.organization, rate) for rate in settings.SIGNALBOX_ORGANIZATION_RATES]
    return checks


def _anonymous_checks(address: str, cost: int = 1) -> list[Check]:
    rates: tuple[Rate, ...] = settings.SIGNALBOX_ANONYMOUS_RATES
    place = place_of(address)
    return [Check(f"address:{place}:{rate}", rate, cost) for rate in rates]


def tightest(verdicts: list[Verdict]) -> Verdict:
    """The verdict a caller should see: a refusal that lasts longest, else the window with least left."""
    if len(verdicts) == 1:
        return verdicts[0]
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    if refused:
        return max(refused, key=lambda verdict: verdict.retry_after)
    return min(verdicts, key=lambda verdict: verdict.remaining)
