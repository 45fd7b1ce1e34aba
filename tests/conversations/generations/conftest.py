"""A house whose models are the fake server's, and one conversation in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.tenancy import organization_scope
from tests.conversations.generations.talk import Talk
from tests.providers.conftest import llm, llm_server
from tests.providers.gateway.conftest import house, records, tokens
from tests.providers.gateway.house import House

__all__ = ["house", "llm", "llm_server", "records", "tokens"]


@pytest.fixture
def talk(house: House, settings: Any, tmp_path: Path) -> Iterator[Talk]:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    with organization_scope(house.organization.pk):
        yield Talk(house)
