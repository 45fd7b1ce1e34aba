"""`python -m config.churn`: train both versions and write them down beside this file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from config.churn.training import DESIGNS, train

HERE = Path(__file__).parent


def main() -> None:
    for label in DESIGNS:
        trained = train(label)
        (HERE / f"{label}.json").write_text(json.dumps(trained.document(), indent=1) + "\n")
        sys.stdout.write(f"{label} {trained.metrics}\n")


if __name__ == "__main__":
    main()
