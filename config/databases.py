"""From `DATABASE_URL` to Django's DATABASES: SQLite in the data directory by default, PostgreSQL by URL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SQLITE_START = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=10000; PRAGMA cache_size=-8000; "
    "PRAGMA foreign_keys=ON;"
)


def database(url: str, data_dir: Path) -> dict[str, Any]:
    """One database's settings, or a sentence on why the URL cannot be used."""
    if not url:
        return _sqlite(str(data_dir / "signalbox.sqlite3"))
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(unquote(parts.path.removeprefix("/")) or ":memory:")
    if parts.scheme in ("postgres", "postgresql"):
        return _postgres(parts)
    raise SystemExit(
        f"DATABASE_URL: {parts.scheme!r} is not served; use sqlite:///path or postgresql://…"
    )


def leave_out_postgres() -> None:
    """Spare a server on SQLite PostgreSQL's driver, a twelfth of its memory.

    DRF and graphene-django load it at import, to know fields that no model of ours has; both are content without.
    """
    sys.modules.setdefault("django.contrib.postgres.fields", None)  # type: ignore[arg-type]  # None: not to be imported


def _sqlite(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "apps.core.sqlite3",
        "NAME": name,
        "CONN_MAX_AGE": None,
        # IMMEDIATE: a writer waits for its turn at BEGIN instead of failing half-way when a read turns into a write.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 10, "init_command": SQLITE_START},
    }


def _postgres(parts: Any) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": parts.port or "",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "options": "-c statement_timeout=10000",
            **dict(parse_qsl(parts.query)),
        },
    }
