"""Runs a command of manage.py by the project's own Python, from whatever Python the script was started with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"


def run(command: str) -> None:
    """Replace this process by `manage.py <command>` with the same words."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix).resolve() == VENV.resolve() or not python.exists():
        python = Path(sys.executable)
    os.execv(python, [str(python), str(ROOT / "manage.py"), command, *sys.argv[1:]])  # noqa: S606 - no shell is meant
