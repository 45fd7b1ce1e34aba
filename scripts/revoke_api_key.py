"""Revoke an API key: `manage.py revoke_api_key` under another name."""

from __future__ import annotations

from command import run

if __name__ == "__main__":
    run("revoke_api_key")
