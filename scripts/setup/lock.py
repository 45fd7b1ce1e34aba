"""Compiles requirements/*.in to *.txt: every version pinned, every file hashed, no address kept.

Only a new or changed line moves; `--upgrade` moves all. Resolved for every platform,
from the oldest Python we run on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON_VERSION = "3.11"
ALONE = {"local"}  # as in environment.py


def main() -> int:
    for name in ("base", "celery", "dev", "local", "ml", "s3"):
        alone = ["--no-deps"] if name in ALONE else []
        status = subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes",
             "--no-header", "--no-emit-index-url", "--no-emit-find-links",
             "--python-version", PYTHON_VERSION, "--output-file", f"{name}.txt",
             *alone, *sys.argv[1:], f"{name}.in"],
            cwd=ROOT / "requirements",
            check=False,
        ).returncode  # fmt: skip
        if status != 0:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
