"""What Prometheus is told of calls: by whom, of what, at which provider; and no more series than can be borne."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from apps.core.metrics import registry
from apps.providers.gateway import metrics
from tests.providers.gateway.house import House


def lines(house: House, name: str) -> list[str]:
    """The samples of one family that are this organization's."""
    metrics.publish()
    own = f'organization="{house.organization.public_id}"'
    text = generate_latest(registry).decode()
    return sorted(line for line in text.splitlines() if line.startswith(name) and own in line)


def test_a_call_is_counted_by_its_provider(house: House) -> None:
    house.route(house.deployment("status?code=500", name="first"), retries=0)
    house.route(house.deployment("ok", kind="vllm", name="second"), name="n")

    house.chat()
    house.chat("n")

    own = f'organization="{house.organization.public_id}"'
    assert lines(house, "signalbox_model_calls_total") == [
        f'signalbox_model_calls_total{{deployment="first",model="m",{own},provider="openai_compatible",status="error"}} 1.0',
        f'signalbox_model_calls_total{{deployment="second",model="n",{own},provider="vllm",status="ok"}} 1.0',
    ]


def test_beyond_a_bound_series_are_counted_together(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_SERIES", len(metrics._sums) + 1)
    for name in ("a", "b", "c"):
        house.route("ok", name=name)

    for name in ("a", "b", "c"):
        house.chat(name)
    told = lines(house, "signalbox_model_calls_total")

    assert [(line.split('model="')[1].split('"')[0], line[-3:]) for line in told] == [
        ("a", "1.0"),
        ("other", "2.0"),
    ]
