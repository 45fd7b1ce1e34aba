"""Worker processes and the models in them. Everything happens on one event loop; no thread takes part.

Each worker has a line of calls and does one at a time. When its process dies, the call it was on fails and the others go
to the process that takes its place, which opens their models again as they are asked for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, BinaryIO, Final

from apps.core.errors import AppError, TimedOut
from apps.models.adapters.workers import frames
from apps.models.adapters.workers.process import Process
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Blueprint, Explanation, Scored
from apps.models.errors import (
    BrokenArtifact,
    ModelUnavailable,
    RuntimeMissing,
    ScoringFailed,
    UnsafeArtifact,
)

LOAD_SECONDS = 30.0
"""A new process imports its libraries within this, too."""
MOST_DEATHS = 3
DEATH_SECONDS = 60.0
"""A model that ended its process so often within so long is refused as long."""
MOST_CELLS = 400_000
"""Values sent at once: more are sent one part after the other, so that others get their turn."""
MOST_HISTORIES = 10_000
_FAILURES: Final[dict[str, Callable[[str], AppError]]] = {
    kind.code: kind
    for kind in (UnsafeArtifact, BrokenArtifact, RuntimeMissing, ScoringFailed, ModelUnavailable)
}


class _History:
    """How often a version ended its process of late, however often it was opened."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._refused_until = 0.0

    def note_death(self) -> None:
        now = monotonic()
        self._deaths.append(now)
        if len(self._deaths) == MOST_DEATHS and now - self._deaths[0] < DEATH_SECONDS:
            self._refused_until = now + DEATH_SECONDS
            self._deaths.clear()

    def check(self) -> None:
        left = self._refused_until - monotonic()
        if left > 0:
            raise ModelUnavailable(
                f"The model ended its process {MOST_DEATHS} times; it is tried again in {left:.0f} s.",
                code="model_quarantined",
                retry_after=int(left) + 1,
            )


@dataclass(eq=False, slots=True)
class _Model:
    name: str
    """No other in the pool has it, or has had it."""
    document: dict[str, Any]
    """Of its blueprint."""
    file: int
    """A descriptor of ours: it outlives processes."""
    history: _History
    memory: int = 0


@dataclass(eq=False, slots=True)
class _Call:
    model: _Model
    what: str
    rows: Sequence[Row]
    done: asyncio.Future[Any]


class _Worker:
    """A place for a process: its line of calls, and who is in it."""

    def __init__(self, memory: int, timeout: float) -> None:
        self._memory = memory
        self._timeout = timeout
        self._process: Process | None = None
        self._line: deque[_Call] = deque()
        self._call: _Call | None = None
        self._is_loading = False
        """The current call's model is being opened; the call itself comes next."""
        self._timer: asyncio.TimerHandle | None = None
        self._dying: set[Process] = set()
        self.models: set[_Model] = set()
        self.is_closed = False

    @property
    def process(self) -> Process | None:
        return self._process

    async def ask(self, model: _Model, what: str, rows: Sequence[Row] = ()) -> Any:
        model.history.check()
        call = _Call(model, what, rows, asyncio.get_running_loop().create_future())
        self._line.append(call)
        self._next()
        return await call.done

    def forget(self, model: _Model) -> None:
        """In its turn, if there still is a process that has it. Nobody waits for it."""
        if self._process is not None and model.name in self._process.loaded and not self.is_closed:
            done = asyncio.get_running_loop().create_future()
            done.add_done_callback(lambda future: future.cancelled() or future.exception())
            self._line.append(_Call(model, "unload", (), done))
            self._next()

    async def close(self) -> None:
        self.is_closed = True
        for call in [*self._line, *([self._call] if self._call else [])]:
            _fail(call, ModelUnavailable())
        self._line.clear()
        self._call = None
        if self._timer is not None:
            self._timer.cancel()
        if self._process is not None:
            self._process.kill()
            self._dying.add(self._process)
        await asyncio.gather(*(process.reaped for process in self._dying))

    def _next(self) -> None:
        while self._call is None and self._line:
            call = self._line.popleft()
            if call.done.done():
                continue  # whoever asked has gone
            try:
                self._check(call)
                self._begin(call)
            except AppError as error:
                self._call = None
                _fail(call, error)
            except OSError:
                self._call = None
                _fail(call, ModelUnavailable("No process could be started for the model."))

    def _check(self, call: _Call) -> None:
        """What was let go of meanwhile is not opened again: its descriptor may be another file's by now."""
        if call.what == "unload":
            return
        if self.is_closed or call.model not in self.models:
            raise ModelUnavailable
        call.model.history.check()

    def _begin(self, call: _Call) -> None:
        if self._process is not None and not self._process.is_alive:
            # While it had nothing to do: nobody's fault. Let go of first, so that its end begins no call beside this one.
            dead = self._process
            self._give_up(dead)
            dead.end()
        process = self._process or self._start()
        self._call = call
        name = call.model.name
        self._is_loading = call.what != "unload" and name not in process.loaded
        seconds = LOAD_SECONDS if self._is_loading else self._timeout
        said: dict[str, Any] = {"do": call.what, "name": name, "seconds": seconds}
        files = []
        if self._is_loading:
            said |= {"do": "load", "blueprint": call.model.document}
            files.append(call.model.file)
        elif call.what in ("score", "explain"):
            said["rows"] = call.rows
        frame = frames.write(said)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._run_out, process)
        process.say(frame, files)

    def _start(self) -> Process:
        made: Process

        def heard(answer: dict[str, Any]) -> None:
            # What one says that was given up answers nobody: the current call is another's.
            if made is self._process:
                self._hear(answer)

        def died() -> None:
            self._note_death(made)

        made = self._process = Process(self._memory, heard, died)
        return made

    def _hear(self, answer: dict[str, Any]) -> None:
        call, self._call = self._call, None
        self._stop_timer()
        if call is None or self._process is None:
            return
        failed = answer.get("failed")
        if failed is not None:
            _fail(call, _FAILURES.get(failed["code"], ScoringFailed)(failed["message"]))
        elif self._is_loading:
            self._process.loaded.add(call.model.name)
            call.model.memory = answer["done"]
            if call.what == "load":
                _answer(call, None)
            else:
                self._line.appendleft(call)
        else:
            if call.what == "unload":
                self._process.loaded.discard(call.model.name)
            _answer(call, answer["done"])
        self._next()

    def _run_out(self, process: Process) -> None:
        """What it was on has had its time. The process does not hear of it otherwise, so it ends."""
        self._timer = None
        call, self._call = self._call, None
        if call is not None:
            call.model.history.note_death()
            _fail(call, TimedOut("The model took too long.", code="prediction_timeout"))
        self._give_up(process)
        process.kill()
        self._next()

    def _note_death(self, process: Process) -> None:
        self._dying.discard(process) if process.reaped.done() else self._dying.add(process)
        process.reaped.add_done_callback(lambda _: self._dying.discard(process))
        if process is not self._process:
            return
        call, self._call = self._call, None
        self._stop_timer()
        if call is not None:
            call.model.history.note_death()
            _fail(call, ModelUnavailable("The model ended the process it ran in."))
        self._process = None
        self._next()

    def _give_up(self, process: Process) -> None:
        if self._process is process:
            self._process = None
            self._dying.add(process)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class WorkerExecutor:
    """An `Executor`: a model in a worker."""

    is_instant = False

    def __init__(self, worker: _Worker, model: _Model, size: int) -> None:
        self._worker = worker
        self._model = model
        self.memory = max(model.memory, size)

    async def score(self, rows: Sequence[Row]) -> list[Scored]:
        if not rows:
            return []
        size = max(1, MOST_CELLS // max(len(rows[0]), 1))
        scored: list[Scored] = []
        for at in range(0, len(rows), size):
            part = rows[at : at + size]
            scored += frames.read_scored(await self._worker.ask(self._model, "score", part))
        if len(scored) != len(rows):
            raise ScoringFailed(f"The model made {len(scored)} answers of {len(rows)} rows.")
        return scored

    async def explain(self, row: Row) -> Explanation:
        return frames.read_explanation(await self._worker.ask(self._model, "explain", (row,)))

    async def close(self) -> None:
        """The worker forgets the model in its turn; nobody has to wait for it."""
        if self._model not in self._worker.models:
            return
        self._worker.models.discard(self._model)
        os.close(self._model.file)
        self._worker.forget(self._model)


class WorkerPool:
    """`memory` is what each worker may take, in bytes; `timeout` what a batch may, in seconds."""

    def __init__(self, *, workers: int, memory: int, timeout: float) -> None:
        self._workers = [_Worker(memory, timeout) for _ in range(workers)]
        self._histories: OrderedDict[str, _History] = OrderedDict()
        self._numbers = count()

    async def load(self, name: str, blueprint: Blueprint, file: BinaryIO) -> WorkerExecutor:
        """The file may be closed afterwards. Raises `BrokenArtifact`, `RuntimeMissing`, `ModelUnavailable`, `TimedOut`."""
        history = self._history(name)
        history.check()
        descriptor = await _own(file)
        own = f"{name}:{next(self._numbers)}"
        model = _Model(own, blueprint.document(), descriptor, history)
        worker = min(self._workers, key=lambda each: len(each.models))
        worker.models.add(model)
        executor = None
        try:
            await worker.ask(model, "load")
            executor = WorkerExecutor(worker, model, os.fstat(descriptor).st_size)
            return executor
        finally:
            if executor is None:
                await WorkerExecutor(worker, model, 0).close()

    def _history(self, name: str) -> _History:
        found = self._histories.setdefault(name, _History())
        self._histories.move_to_end(name)
        if len(self._histories) > MOST_HISTORIES:
            self._histories.popitem(last=False)
        return found

    async def close(self) -> None:
        """What is being scored fails; no process and no descriptor stays."""
        await asyncio.gather(*(worker.close() for worker in self._workers))
        for worker in self._workers:
            for model in worker.models:
                os.close(model.file)
            worker.models.clear()


async def _own(file: BinaryIO) -> int:
    """A descriptor of our own; what lies on no disk is copied aside to one that has no name."""
    try:
        return os.dup(file.fileno())
    except (OSError, AttributeError):
        return await asyncio.to_thread(_copied, file)


def _copied(file: BinaryIO) -> int:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, 1024 * 1024)
        copy.flush()
        return os.dup(copy.fileno())


def _answer(call: _Call, value: Any) -> None:
    if not call.done.done():
        call.done.set_result(value)


def _fail(call: _Call, error: AppError) -> None:
    if not call.done.done():
        call.done.set_exception(error)
