"""The suite's plugins. `tests.rig.stack` and `tests.rig.network` come earlier, by pyproject.toml."""

from __future__ import annotations

import pytest

from tests.rig.servers import ServerProcess

pytest_plugins = [
    "tests.rig.browser",
    "tests.rig.coroutines",
    "tests.rig.database",
    "tests.rig.sites",
]


@pytest.fixture(scope="session")
def base_url(shared_server: ServerProcess) -> str:
    """`page.goto("/console/")` speaks to the worker's shared server.

    Here and not in the rig, because pytest-playwright's own would win over a plugin's.
    """
    return shared_server.url
