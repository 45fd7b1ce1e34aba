"""The test database on SQLite is a file, as in production: threads and WAL behave as they will."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    from django.conf import settings  # noqa: PLC0415 - loaded before Django is set up

    default = settings.DATABASES["default"]
    if default["ENGINE"] == "apps.core.sqlite3":
        folder = Path(os.environ["SIGNALBOX_DATA_DIR"]).parent
        default.setdefault("TEST", {})["NAME"] = str(folder / "test.sqlite3")


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Databases of tests give keys out again: a model's version that one test read is not what the next one means."""
    from apps.models.serving.tables import forget_versions  # noqa: PLC0415 - as above

    forget_versions()
