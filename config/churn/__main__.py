"""`python -m config.churn`: train both versions and write them down beside this file."""

from __future__ import annotations

import sys

from config.churn.training import DESIGNS, train
from config.churn.written import write


def main() -> None:
    for label in DESIGNS:
        trained = train(label)
        write(label, trained.document())
        sys.stdout.write(f"{label} {trained.metrics}\n")


if __name__ == "__main__":
    main()
