"""The suite's plugins. `tests.rig.stack` and `tests.rig.network` come earlier, by pyproject.toml."""

from __future__ import annotations

pytest_plugins = [
    "tests.rig.browser",
    "tests.rig.coroutines",
    "tests.rig.database",
    "tests.rig.sites",
]
