from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore


@pytest.fixture(autouse=True)
def empty_limits() -> Iterator[None]:
    set_store(MemoryLimitStore())
    yield
    set_store(None)
