from __future__ import annotations

import pytest

from apps.core.limits.memory import MemoryLimitStore


@pytest.fixture(autouse=True)
def uncounted(empty_limits: MemoryLimitStore) -> None:
    """Every test here starts with nothing counted."""
