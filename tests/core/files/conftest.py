from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import pytest

from apps.core.files.files import GRACE_SECONDS


@pytest.fixture(autouse=True)
def root(settings: Any, tmp_path: Path) -> Path:
    """Where the files lie."""
    settings.SIGNALBOX_DATA_DIR = tmp_path
    return tmp_path / "files"


@pytest.fixture
def on_disk(root: Path) -> Callable[[], list[str]]:
    """The keys of what is kept, drafts with it."""
    return lambda: sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


@pytest.fixture
def age(root: Path) -> Callable[[], None]:
    """Make everything as old as the grace, and older."""

    def make_old(seconds: float = GRACE_SECONDS + 60) -> None:
        for path in root.rglob("*"):
            if path.is_file():
                os.utime(path, (time() - seconds, time() - seconds))

    return make_old
