"""An organization whose deployments are the fake server's models, and the records that its calls leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.spool import process as spool
from apps.providers.gateway import estimates, table
from apps.providers.gateway.health import health
from apps.providers.ledger.factory import set_ledger
from apps.providers.ledger.memory import MemoryLedger
from tests.factories.doors import KnownTokens, known_tokens
from tests.fakes.llm.running import FakeLLM
from tests.providers.gateway.house import House


@pytest.fixture
def tokens(db: None) -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was written down for the drain, oldest first."""
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(
        spool, "append_or_refuse", lambda kind, value: written.append(value.to_record())
    )
    return written


@pytest.fixture
def house(
    tokens: KnownTokens, llm: FakeLLM, records: list[dict[str, Any]], settings: Any
) -> Iterator[House]:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({llm.address})
    set_store(MemoryLimitStore())
    before = set_ledger(MemoryLedger())
    health.forget()
    estimates.forget()
    table.known.forget()
    yield House(tokens, llm, records)
    set_store(None)
    set_ledger(before)
    table.known.forget()
