"""The live topics: what each is about, who may follow it, and which facts appear on it. See docs/topics.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from apps.events.enums import EventsPermission

AUDIT_EVENTS = "audit.events"
SYSTEM_METRICS = "system.metrics"
REQUEST_LOGS = "request.logs"
PREDICTION_EVENTS = "prediction.events"
SYSTEM_READ = "system.metrics.read"
RECORDED: dict[str, str] = {
    SYSTEM_METRICS: SYSTEM_READ,
    REQUEST_LOGS: "request.logs.recorded",
    PREDICTION_EVENTS: "prediction.events.recorded",
}
"""Topics whose events are made only while somebody follows, and the name of such an event."""


@dataclass(frozen=True, slots=True)
class Topic:
    """`facts` are prefixes of fact topics; the GraphQL subscription is the name in camelCase."""

    name: str
    description: str
    facts: tuple[str, ...] = ()
    permission: EventsPermission = EventsPermission.TOPIC_LISTEN

    @property
    def subscription(self) -> str:
        first, *rest = self.name.split(".")
        return first + "".join(word.capitalize() for word in rest)


_TOPICS = (
    Topic("benchmark.progress", "How far benchmark runs have come.", ("benchmarks.benchmark.",)),
    Topic(
        "evaluation.results",
        "Results of evaluations as they are reached.",
        ("benchmarks.evaluation.",),
    ),
    Topic(SYSTEM_METRICS, "Readings of the server itself, at intervals."),
    Topic("plugin.events", "Plugins enabled, configured and executed.", ("plugins.",)),
    Topic(REQUEST_LOGS, "Calls that passed the gateway.", ("providers.call.",)),
    Topic("job.progress", "Jobs queued, moving and ended.", ("jobs.job.",)),
    Topic(
        "workflow.events",
        "Rollouts: stages, gates, approvals, rollbacks.",
        ("workflows.workflow.", "approvals.request."),
    ),
    Topic("alert.events", "Alerts raised, silenced and ended.", ("monitoring.alert.",)),
    Topic("instance.metrics", "Readings collected from inference servers.", ("instances.",)),
    Topic(PREDICTION_EVENTS, "Predictions made and their outcomes.", ("models.prediction.",)),
    Topic(
        AUDIT_EVENTS,
        "Every audited deed, as action, actor, object and time.",
        ("",),
        EventsPermission.AUDIT_VIEW,
    ),
)

TOPICS: dict[str, Topic] = {topic.name: topic for topic in _TOPICS}


def matching(pattern: str) -> Iterator[Topic]:
    """The topics a subscription names: one by its name, or several by `prefix.*`."""
    if pattern.endswith(".*"):
        prefix = pattern[:-1]
        yield from (topic for topic in _TOPICS if topic.name.startswith(prefix))
    elif pattern in TOPICS:
        yield TOPICS[pattern]


@cache
def live_topics_of(fact_topic: str) -> tuple[str, ...]:
    """The live topics on which a fact appears."""
    return tuple(topic.name for topic in _TOPICS if fact_topic.startswith(topic.facts))
