"""The child process that reads Parquet: `python -m apps.models.adapters.tabular.parquet_child < file > lines`.

A file of a few kilobytes can hold a cell of a gigabyte a million times, so it is read where memory and time are limited
and nothing else is within reach. Its lines are a letter and JSON: S what the file holds, R a row, then S that this was all.
"""

from __future__ import annotations

import json
import math
import os
import sys
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from apps.models.adapters.trial.child import Forbidden, limit, watch

ROWS_AT_ONCE: Final = 500
MOST_COLUMNS: Final = 6000


def main() -> int:
    limit(int(sys.argv[1]), int(sys.argv[2]))
    try:
        # After the limits: a library that is missing is something to say, one that is too large as well.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        say({"missing": "pyarrow"})
        return 0
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    pa.set_memory_pool(pa.system_memory_pool())
    watch()
    try:
        tell(parquet.ParquetFile(os.fdopen(0, "rb", closefd=False)))
        say({"end": True})
    except MemoryError:
        say({"broken": "takes more memory than reading it may"})
    except Forbidden as error:
        say({"broken": f"made its reader try what no file may: {error}"})
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
    except Exception as error:  # noqa: BLE001 - whatever the library says about a stranger's bytes
        words = str(error).split("\n")[0][:160]
        say({"broken": f"could not be read: {type(error).__name__}: {words}"})
    sys.stdout.flush()
    os._exit(0)


def tell(file: Any) -> None:
    columns = file.schema_arrow.names
    if len(columns) > MOST_COLUMNS:
        raise ValueError(f"it has {len(columns)} columns")
    say({"columns": columns, "rows": file.metadata.num_rows})
    for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False):
        for row in batch.to_pylist():
            say({name: plain(value) for name, value in row.items() if value is not None}, "R")


def say(value: Any, letter: str = "S") -> None:
    sys.stdout.write(letter + json.dumps(value) + "\n")


def plain(value: Any) -> Any:
    """As JSON has it. What it has no word for becomes text, which a number's schema refuses by name."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, bool | int | str | list | dict) else str(value)


if __name__ == "__main__":
    sys.exit(main())
