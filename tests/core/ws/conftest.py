from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.events.hub import hub
from tests.factories.doors import KnownTokens, known_tokens


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)


@pytest.fixture
def tokens() -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners of loops that have ended (the jobs board of an earlier test) are none of this test's."""
    monkeypatch.setattr(hub, "_audiences", {})
