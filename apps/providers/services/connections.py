"""Trying a provider's connection, and finding which models it has: real calls, under the guard and with the credential.

No transaction is open while the provider is called. What its answer says is masked before it is kept or shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import AppError, FieldError, Invalid
from apps.core.http_client.errors import CallTimedOut, Forbidden
from apps.core.http_client.exchange import open_exchange
from apps.core.http_client.loop import call_from_thread
from apps.core.permissions import require
from apps.providers import topics
from apps.providers.adapters import refusals, registry
from apps.providers.adapters.protocol import DiscoveredModel, Exchange
from apps.providers.domain.tables import ProviderView
from apps.providers.errors import UpstreamRefused
from apps.providers.models import Deployment, Provider
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.queries.tables import provider_view
from apps.providers.services.announcing import deed, hold, publish
from apps.providers.services.deployments import add_deployment

SECONDS = 8.0
"""Whoever asked for it has an answer within ten."""
MOST_BYTES = 8 * 1024 * 1024
MOST_MODELS = 500
LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Check:
    """How a test went. `error` is empty when the connection is well."""

    provider: Provider
    error: str
    models: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Discovery:
    """The deployments made, and the names of models that had one already."""

    created: list[Deployment]
    skipped: list[str]


def check_connection(*, actor: Actor, provider_id: str, seconds: float = SECONDS) -> Check:
    """Ask the provider for its models and keep how it went. Raises `PermissionDenied`, `NotFound`."""
    require(actor, ProvidersPermission.MANAGE)
    provider = routing.provider_at(provider_id)
    started = perf_counter()
    try:
        found, error = _models_of(provider, seconds), ""
    except AppError as refused:
        found, error = [], refused.message[:LONGEST_ERROR]
    milliseconds = round((perf_counter() - started) * 1000, 1)
    with deed():
        provider.checked_at, provider.check_error = timezone.now(), error
        # What was changed in the meantime was not what was tested.
        Provider.objects.filter(pk=provider.pk, revision=provider.revision).update(
            checked_at=provider.checked_at, check_error=error
        )
        after = {"is_well": not error, "error": error}
        publish(actor=actor, topic=topics.PROVIDER_TESTED, row=provider, after=after)
    return Check(routing.whole_provider(provider), error, len(found), milliseconds)


def offered_models(
    *, actor: Actor, provider_id: str, seconds: float = SECONDS
) -> list[DiscoveredModel]:
    """What the provider says it has, by name.

    Raises `PermissionDenied`, `NotFound`, and what went wrong upstream: `Upstream`, `TimedOut`.
    """
    require(actor, ProvidersPermission.MANAGE)
    return _models_of(routing.provider_at(provider_id), seconds)


def discover_deployments(
    *,
    actor: Actor,
    provider_id: str,
    models: Sequence[str] | None = None,
    seconds: float = SECONDS,
) -> Discovery:
    """Make a deployment for each of these models, or for all there are; those that have one are passed over.

    Raises what `offered_models` does, and `Invalid` for a model that the provider does not name.
    """
    require(actor, ProvidersPermission.MANAGE)
    provider = routing.provider_at(provider_id)
    offered = {model.name: model for model in _models_of(provider, seconds)}
    chosen = list(dict.fromkeys(offered if models is None else models))
    _refuse_unknown(chosen, offered)
    with deed():
        hold(provider)
        present = set(Deployment.objects.filter(provider=provider).values_list("model", flat=True))
        taken = set(Deployment.objects.values_list("name", flat=True))
        created = []
        for name in chosen:
            if name not in present:
                created.append(_deploy(actor, provider, offered[name], taken))
                taken.add(created[-1].name)
    return Discovery(created, [name for name in chosen if name in present])


def _deploy(
    actor: Actor, provider: Provider, model: DiscoveredModel, taken: set[str]
) -> Deployment:
    name = model.name if model.name not in taken else f"{provider.name}/{model.name}"
    known = {} if model.context_tokens is None else {"context_tokens": model.context_tokens}
    return add_deployment(actor, provider, name=name, model=model.name, **known)


def _refuse_unknown(chosen: Sequence[str], offered: dict[str, DiscoveredModel]) -> None:
    wrong = [
        FieldError(f"models.{index}", "is not among the provider's models", "unknown")
        for index, name in enumerate(chosen)
        if name not in offered
    ]
    if wrong:
        raise Invalid(fields=wrong)


def _models_of(provider: Provider, seconds: float) -> list[DiscoveredModel]:
    view = provider_view(provider)
    adapter = registry.adapter_for(view.kind)
    try:
        body = call_from_thread(_ask(view, seconds))
    except Forbidden as error:
        raise UpstreamRefused(f"The address {error}.") from None
    except TimeoutError:
        raise CallTimedOut(f"No whole answer came within {seconds:g} s.") from None
    found = {model.name: model for model in adapter.models(body) if model.name}
    return [found[name] for name in sorted(found)[:MOST_MODELS]]


async def _ask(provider: ProviderView, seconds: float) -> bytes:
    adapter = registry.adapter_for(provider.kind)
    exchange = await _open(provider, seconds)
    try:
        body = b"".join([piece async for piece in exchange.pieces()])
    finally:
        await exchange.close()
    if not 200 <= exchange.status < 300:
        refusal = adapter.refusal(exchange.status, exchange.headers, body)
        shown = refusals.masked(refusal, provider.credential)
        raise UpstreamRefused(f"{exchange.status}: {shown.message}")
    return body


async def _open(provider: ProviderView, seconds: float) -> Exchange:
    request = registry.adapter_for(provider.kind).models_request(provider)
    bounds = {"first_byte_seconds": seconds, "idle_seconds": seconds, "total_seconds": seconds}
    transport = registry.transport_for(provider.kind)
    if transport is not None:
        async with asyncio.timeout(seconds):
            return await transport.open(request, most_bytes=MOST_BYTES, **bounds)
    return await open_exchange(
        request.method,
        request.url,
        headers=request.headers,
        body=request.body,
        most_bytes=MOST_BYTES,
        **bounds,
    )
