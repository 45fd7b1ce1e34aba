"""The fake model server of this app's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.llm.running import FakeLLM, fake_llm


@pytest.fixture(scope="session")
def llm_server() -> Iterator[FakeLLM]:
    with fake_llm() as fake:
        yield fake


@pytest.fixture
def llm(llm_server: FakeLLM) -> FakeLLM:
    """A model server on loopback that misbehaves on command; see tests/fakes/llm."""
    llm_server.forget()
    return llm_server
