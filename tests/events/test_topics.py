from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.events.topics import TOPICS, live_topics_of

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "topics.md"


def test_page_lists_exactly_the_topics() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE)

    expected = {
        topic.name: " | ".join(
            [
                f"`{topic.subscription}`",
                ", ".join(f"`{prefix}*`" for prefix in topic.facts) or "none",
                f"`{topic.permission.value}`",
                topic.description,
            ]
        )
        for topic in TOPICS.values()
    }
    assert dict(rows) == expected


def test_subscription_is_the_name_in_camel_case() -> None:
    assert TOPICS["audit.events"].subscription == "auditEvents"


@pytest.mark.parametrize(
    ("fact", "topics"),
    [
        ("keys.key.created", ["audit.events"]),
        ("workflows.workflow.approved", ["workflow.events", "audit.events"]),
        ("jobs.job.completed", ["job.progress", "audit.events"]),
    ],
)
def test_live_topics_of_a_fact(fact: str, topics: list[str]) -> None:
    assert live_topics_of(fact) == tuple(topics)
