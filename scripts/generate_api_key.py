"""Make an API key: `manage.py generate_api_key` under another name."""

from __future__ import annotations

from command import run

if __name__ == "__main__":
    run("generate_api_key")
