"""The gateway's own counters. Labels are names of the organization's own things, few of each; of more than a process is to
remember, the rest is counted together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram

from apps.core.metrics import registry
from apps.providers.enums import CallStatus
from apps.providers.gateway.trace import Trace

_LABELS = ["organization", "model", "deployment", "provider"]
MOST_SERIES = 5_000
REST = "other"
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

CALLS = Counter("signalbox_model_calls", "Calls of models by how they ended.", [*_LABELS, "status"], registry=registry)  # fmt: skip
TOKENS = Counter("signalbox_model_tokens", "Tokens used.", [*_LABELS, "direction"], registry=registry)  # fmt: skip
COST = Counter("signalbox_model_cost_dollars", "What calls cost.", _LABELS, registry=registry)
LATENCY = Histogram("signalbox_model_seconds", "From the call to its last byte.", _LABELS, buckets=SECONDS, registry=registry)  # fmt: skip
FIRST_TOKEN = Histogram("signalbox_model_first_token_seconds", "From the call to its first token.", _LABELS, buckets=SECONDS, registry=registry)  # fmt: skip

CONTINUATIONS = Counter("signalbox_stream_continuations", "Streams that broke off and went on.", ["organization", "model"], registry=registry)  # fmt: skip


@dataclass(slots=True)
class Sums:
    """Of one model at one deployment, since they were last published."""

    latency: Histogram
    first_token: Histogram
    calls: dict[CallStatus, int] = field(default_factory=dict)
    prompt: int = 0
    completion: int = 0
    nano: int = 0


Key = tuple[str, str, str, str]
_sums: dict[Key, Sums] = {}


def observe(trace: Trace, status: CallStatus, seconds: float) -> None:
    """Count one call. Counters are told of many at once, by `publish`."""
    deployment = trace.deployment
    key = (
        trace.actor.identity.organization,
        trace.route.name if trace.route else "",
        deployment.name if deployment else "",
        deployment.provider.name if deployment else "",
    )
    sums = _sums.get(key) or _open(key)
    sums.calls[status] = sums.calls.get(status, 0) + 1
    if deployment is None:
        return
    sums.latency.observe(seconds)
    if trace.first_token_seconds is not None:
        sums.first_token.observe(trace.first_token_seconds)
    if (usage := trace.usage) is not None:
        sums.prompt += usage.prompt_tokens
        sums.completion += usage.completion_tokens
        sums.nano += trace.cost_nano


def publish() -> None:
    """The ticker's call: add what came since the last one."""
    for key, sums in list(_sums.items()):
        calls, sums.calls = sums.calls, {}
        for status, count in calls.items():
            CALLS.labels(*key, status.value).inc(count)
        prompt, completion, nano = sums.prompt, sums.completion, sums.nano
        sums.prompt -= prompt
        sums.completion -= completion
        sums.nano -= nano
        if prompt:
            TOKENS.labels(*key, "prompt").inc(prompt)
        if completion:
            TOKENS.labels(*key, "completion").inc(completion)
        if nano:
            COST.labels(*key).inc(nano / 1_000_000_000)


def _open(key: Key) -> Sums:
    if len(_sums) >= MOST_SERIES:
        key = (key[0], REST, REST, REST)
        if (known := _sums.get(key)) is not None:
            return known
    sums = _sums[key] = Sums(LATENCY.labels(*key), FIRST_TOKEN.labels(*key))
    return sums
