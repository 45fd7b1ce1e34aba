"""Secrets that nobody gave: made once and kept in the data directory, for development and the embedded size."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def local_secret(data_dir: Path, name: str) -> str:
    """The secret of this name, made on first use, readable by the owner alone."""
    folder = data_dir / "secrets"
    path = folder / name
    if path.exists():
        return path.read_text().strip()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = folder / f".{name}.{os.getpid()}"
    scratch.touch(mode=0o600)
    scratch.write_text(secrets.token_urlsafe(48))
    try:
        os.link(scratch, path)  # of processes that start at once, one wins and all read the same
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    return path.read_text().strip()
