"""The route table as calls see it: plain, frozen, made from rows and swapped whole when any of them changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from apps.providers.domain.prompts import PromptView
from apps.providers.enums import ProviderKind, Sticky


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ProviderView:
    """`credential` is in the clear here and nowhere else: it leaves towards `base_url` alone."""

    id: str
    name: str
    kind: ProviderKind
    base_url: str
    credential: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=_nothing)
    """What a kind needs beside: `api_version` of Azure."""
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Price:
    """Billionths of a dollar for a million tokens: whole numbers, so that sums come out the same in any order."""

    input: int = 0
    output: int = 0
    cached_input: int | None = None

    @property
    def is_free(self) -> bool:
        return not (self.input or self.output or self.cached_input)


@dataclass(frozen=True, slots=True)
class DeploymentView:
    id: str
    name: str
    provider: ProviderView
    model: str
    price: Price = Price()
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] = frozenset()
    """Of `chat`, `completion`, `embeddings`, `tools`, `vision`, `json`; empty is unknown, and everything is tried."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel: int | None = None
    timeout_seconds: float = 600.0
    """For the whole of a call that is not streamed."""
    first_token_seconds: float = 120.0
    idle_seconds: float = 60.0
    """Between two pieces of a stream."""
    revision: int = 1


@dataclass(frozen=True, slots=True)
class TargetView:
    deployment: DeploymentView
    weight: float = 1.0
    priority: int = 0
    """Lower ones are tried first; weights decide among equals."""


@dataclass(frozen=True, slots=True)
class RouteView:
    id: str
    name: str
    targets: tuple[TargetView, ...]
    fallbacks: tuple[str, ...] = ()
    """Names of routes tried, in order, when every target of this one failed."""
    sticky: Sticky = Sticky.NONE
    retries: int = 2
    """Further attempts at the same or another target before the fallbacks."""
    cache_seconds: int = 0
    """0: answers are not kept."""
    captures: bool = False
    continues: bool = False
    """Whether a stream that breaks off after its first token goes on at the next target that can."""
    guardrails: tuple[Mapping[str, Any], ...] = ()
    """`{"name": ..., options}` each, in order."""
    prompt: str = ""
    """`name@label` or `name@version` of a prompt put before the caller's messages."""
    managed_by: str = ""
    """Public id of the rollout that moves its weights now; people's changes to targets wait meanwhile."""
    revision: int = 1
    created: int = 0
    """When it was made, in epoch seconds."""

    @property
    def is_shaped(self) -> bool:
        """Whether the route has a say in the words that pass."""
        return bool(self.prompt or self.guardrails)


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All of one organization's. Deployments without a route can be called by `provider/model` (seed 000)."""

    organization: str
    routes: Mapping[str, RouteView] = field(default_factory=_nothing)
    deployments: Mapping[str, DeploymentView] = field(default_factory=_nothing)
    """By name."""
    prompts: Mapping[str, PromptView] = field(default_factory=_nothing)
    """What the prompts of the routes stand for now, by `RouteView.prompt`."""
