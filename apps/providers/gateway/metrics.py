"""The gateway's own counters. Labels are names of the organization's own things, few of each."""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter, Histogram

from apps.core.metrics import registry
from apps.providers.enums import CallStatus
from apps.providers.gateway.trace import Trace

_LABELS = ["organization", "model", "deployment"]
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

CALLS = Counter("signalbox_model_calls", "Calls of models by how they ended.", [*_LABELS, "status"], registry=registry)  # fmt: skip
TOKENS = Counter("signalbox_model_tokens", "Tokens used.", [*_LABELS, "direction"], registry=registry)  # fmt: skip
COST = Counter("signalbox_model_cost_dollars", "What calls cost.", _LABELS, registry=registry)
LATENCY = Histogram("signalbox_model_seconds", "From the call to its last byte.", _LABELS, buckets=SECONDS, registry=registry)  # fmt: skip
FIRST_TOKEN = Histogram("signalbox_model_first_token_seconds", "From the call to its first token.", _LABELS, buckets=SECONDS, registry=registry)  # fmt: skip

_children: dict[tuple[str, str, str], tuple[Any, ...]] = {}
_calls: dict[tuple[str, str, str, str], Any] = {}


def observe(trace: Trace, status: CallStatus) -> None:
    deployment = trace.deployment
    key = (
        trace.actor.identity.organization,
        trace.route.name if trace.route else "",
        deployment.name if deployment else "",
    )
    calls = _calls.get((*key, status.value))
    if calls is None:
        calls = _calls[*key, status.value] = CALLS.labels(*key, status.value)
    calls.inc()
    if deployment is None:
        return
    prompt, completion, cost, latency, first = _children.get(key) or _open(key)
    latency.observe(trace.seconds)
    if trace.first_token_seconds is not None:
        first.observe(trace.first_token_seconds)
    if (usage := trace.usage) is not None:
        prompt.inc(usage.prompt_tokens)
        completion.inc(usage.completion_tokens)
        cost.inc(trace.cost_nano / 1_000_000_000)


def _open(key: tuple[str, str, str]) -> tuple[Any, ...]:
    children = _children[key] = (
        TOKENS.labels(*key, "prompt"),
        TOKENS.labels(*key, "completion"),
        COST.labels(*key),
        LATENCY.labels(*key),
        FIRST_TOKEN.labels(*key),
    )
    return children
