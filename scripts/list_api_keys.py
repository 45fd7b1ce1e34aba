"""List the API keys: `manage.py list_api_keys` under another name."""

from __future__ import annotations

from command import run

if __name__ == "__main__":
    run("list_api_keys")
