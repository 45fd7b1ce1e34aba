"""Load models where they serve: `manage.py warm_models` under another name."""

from __future__ import annotations

from command import run

if __name__ == "__main__":
    run("warm_models")
