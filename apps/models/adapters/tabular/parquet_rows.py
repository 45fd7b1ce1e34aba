"""Parquet, read by a child process that is limited, and told line by line."""

from __future__ import annotations

import importlib.util
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Final

from apps.core import json
from apps.models.adapters.tabular.jsonl_rows import ObjectReader, read_line
from apps.models.adapters.tabular.lines import MOST_ROW, Lines
from apps.models.adapters.trial.supervisor import ENVIRONMENT, ROOT
from apps.models.domain.schema import Schema
from apps.models.domain.tabular import FileRow, read_header
from apps.models.errors import BrokenFile, ParquetMissing

MEGABYTES: Final = 2048
"""Of address space; pyarrow alone maps half of one."""
CPU_SECONDS: Final = 3600
SILENCE_SECONDS = 60.0
"""How long it may take to its next row."""
PIECE: Final = 256 * 1024


class ParquetRows:
    """Implements `domain.tabular.Rows`; progress is told in rows."""

    def __init__(self, file: BinaryIO, schema: Schema, id_column: str = "") -> None:
        self._file = file
        file.seek(0)
        self._child = _Child(file)
        try:
            self._lines = Lines(self._child)
            first: dict[str, Any] = json.parse(self._next()[1:].encode())
            columns = read_header(first["columns"], schema, id_column)
            named = columns.names[columns.id_at] if columns.id_at is not None else ""
            self._reader = ObjectReader(schema, named)
            self.total: int = first["rows"]
        except BaseException:
            self.close()
            raise
        self.done = 0

    def __iter__(self) -> Iterator[FileRow]:
        while True:
            line = self._next()
            if line.startswith("S"):
                if self.done != self.total:
                    raise BrokenFile("The file holds fewer rows than it says.")
                return
            self.done += 1
            yield read_line(self.done, line[1:], self._reader)

    def close(self) -> None:
        self._child.close()
        self._file.close()

    def _next(self) -> str:
        """A line, unless it is the last of a file that cannot be read."""
        line = next(self._lines, "")
        self._lines.begin_row()
        if not line:
            raise BrokenFile("The file ended the process that read it.")
        said = json.parse(line[1:].encode()) if line.startswith("S") else {}
        if "missing" in said:
            raise ParquetMissing
        if "broken" in said:
            raise BrokenFile(f"The file {said['broken']}.")
        return line


def is_installed() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


class _Child:
    """Its output as lines, none waited for longer than is sensible."""

    def __init__(self, file: BinaryIO) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module, and nothing of the caller's among its words
            [
                sys.executable, "-s", "-W", "ignore", "-m", "apps.models.adapters.tabular.parquet_child",
                str(CPU_SECONDS), str(MEGABYTES),
            ],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**ENVIRONMENT, "ARROW_DEFAULT_MEMORY_POOL": "system"},
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._number = self._process.stdout.fileno()
        self._said = bytearray()
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._number, selectors.EVENT_READ)

    def readline(self, size: int, /) -> bytes:
        said = self._said
        while (end := said.find(b"\n")) < 0 and len(said) < size:
            if not self._ready.select(SILENCE_SECONDS):
                raise BrokenFile(f"The file's next row took more than {SILENCE_SECONDS:g} s.")
            piece = os.read(self._number, PIECE)
            if not piece:
                end = len(said) - 1
                break
            said += piece
        line = bytes(said[: end + 1] if end >= 0 else said[:size])
        del said[: len(line)]
        return line

    def close(self) -> None:
        self._ready.close()
        with self._process:
            if self._process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)


assert MOST_ROW > PIECE  # a row is never cut by how it is read
