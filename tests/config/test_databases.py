"""What the embedded server does not load: the other size's, and what it may never need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.environment import ROOT, program_variables

pytestmark = pytest.mark.integration

SPARED = {
    *("celery", "daphne", "psycopg", "redis"),  # of the other size
    *(
        "greenlet",
        "pygments",
        "requests",
        "rich",
        "twisted",
        "yaml",
    ),  # found by libraries, used by nobody
}
ASK = f"import sys, config.asgi, config.urls.table; print(sorted({SPARED} & sys.modules.keys()))"


def test_the_embedded_server_loads_nothing_it_may_never_need(tmp_path: Path) -> None:
    outside = {name: value for name, value in os.environ.items() if name not in program_variables()}
    settings = {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "SIGNALBOX_DATA_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env=outside | settings,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.splitlines()[-1:] == ["[]"]
