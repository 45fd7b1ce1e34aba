"""Worker processes: what a bad model can do to its own calls, and what it cannot do to anything else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from apps.core.errors import AppError, TimedOut
from apps.models.adapters.workers import frames, process
from apps.models.adapters.workers import pool as pools
from apps.models.adapters.workers.pool import WorkerExecutor, WorkerPool
from apps.models.domain.formats.description import Description
from apps.models.domain.scoring import Blueprint, Explanation, Output, Scored
from apps.models.enums import Format
from apps.models.errors import BrokenArtifact, ModelUnavailable, ScoringFailed
from tests.rig.environment import ROOT

pytestmark = pytest.mark.integration
ESCAPED = "/tmp/signalbox-escaped"
MEMORY = 256 * 1024 * 1024
BLUEPRINT = Blueprint(Description(Format.SCORECARD, ""), {"a": {"type": "number"}}, ((0.0,),))
ROW = (1.5,)
ECHOED = Scored(1.5, 0.25, {"a": 0.25}, 0.5)


@pytest.fixture(autouse=True)
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MODULE", "tests.fakes.worker")


@asynccontextmanager
async def opened(*, workers: int = 1, seconds: float = 10) -> AsyncIterator[WorkerPool]:
    made = WorkerPool(workers=workers, memory=MEMORY, timeout=seconds)
    try:
        yield made
    finally:
        await made.close()


async def put(pool: WorkerPool, word: str, name: str = "") -> WorkerExecutor:
    return await pool.load(name or word, BLUEPRINT, BytesIO(word.encode()))


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]  # an async function's


async def failure_of(work: Awaitable[Any]) -> AppError:
    with pytest.raises(AppError) as failed:
        await work
    return failed.value


def test_a_model_scores_and_explains_in_a_process_of_its_own() -> None:
    async def story() -> None:
        async with opened() as pool:
            echo = await put(pool, "echo")
            pid = (await (await put(pool, "pid")).score([ROW]))[0].prediction

            assert await echo.score([ROW, (2.5,)]) == [ECHOED, Scored(2.5, 0.25, {"a": 0.25}, 0.5)]
            assert await echo.explain(ROW) == Explanation(1.0, ROW, Output.MARGIN)
            assert await echo.score([]) == []
            assert pid != os.getpid()
            assert (echo.is_instant, echo.memory > 0) == (False, True)

    run(story)


def test_values_of_every_type_arrive_as_they_are() -> None:
    async def story() -> None:
        async with opened() as pool:
            echo, types = await put(pool, "echo"), await put(pool, "types")
            for value in (None, True, 2**63 - 1, -(2**63), 1e300, 0.1, 12.0, "ä\u2028\0", ""):
                found = (await echo.score([(value,)]))[0].prediction
                assert (found, type(found)) == (value, type(value))
            assert (await types.score([(1.0, 1, True, None, "1")]))[0].prediction == (
                "float int bool NoneType str"
            )

    run(story)


def test_the_least_loaded_worker_gets_the_next_model() -> None:
    async def story() -> None:
        async with opened(workers=2) as pool:
            models = [await put(pool, "pid", str(number)) for number in range(4)]
            first = [(await each.score([ROW]))[0].prediction for each in models]
            await models[1].close()
            await models[3].close()
            last = await put(pool, "pid", "last")

            assert (first[0], first[1]) == (first[2], first[3])
            assert first[0] != first[1]
            assert (await last.score([ROW]))[0].prediction == first[1]

    run(story)


def test_no_process_is_started_before_a_model_needs_one() -> None:
    async def story() -> None:
        async with opened(workers=2) as pool:
            before = children()
            await put(pool, "echo")

            assert len(children() - before) == 1

    run(story)


def children() -> set[str]:
    """Workers alone: servers of other tests may be children of this process too."""
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {pid for pid in mine if b"tests.fakes.worker" in command_of(pid)}


def command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


@pytest.mark.parametrize("word", ["die", "abort", "talk"])
def test_a_death_fails_the_batch_it_was_on_and_no_other(word: str) -> None:
    async def story() -> None:
        async with opened() as pool:
            bad, good = await put(pool, word), await put(pool, "echo")

            async with asyncio.timeout(30):
                failed, *others = await asyncio.gather(
                    failure_of(bad.score([ROW])), *(good.score([ROW]) for _ in range(20))
                )

            assert (type(failed), failed.code) == (ModelUnavailable, "model_unavailable")
            assert others == [[ECHOED]] * 20

    run(story)


def test_a_worker_that_died_while_idle_is_nobodys_fault() -> None:
    async def story() -> None:
        async with opened() as pool:
            echo = await put(pool, "echo")
            for _ in range(2 * pools.MOST_DEATHS):
                (pid,) = children()
                os.kill(int(pid), signal.SIGKILL)
                await asyncio.to_thread(wait_for_end, int(pid))

                assert await echo.score([ROW]) == [ECHOED]

    run(story)


def wait_for_end(pid: int) -> None:
    """Until it runs no more, whether it was reaped or not."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    raise AssertionError(f"{pid} still runs")


def test_a_model_that_keeps_dying_is_refused_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with opened() as pool:
            bad, good = await put(pool, "die"), await put(pool, "echo")
            for _ in range(pools.MOST_DEATHS):
                assert (await failure_of(bad.score([ROW]))).code == "model_unavailable"
            refused = await failure_of(bad.score([ROW]))
            assert isinstance(refused, ModelUnavailable)
            assert (refused.code, refused.retry_after) == ("model_quarantined", 60)
            assert await good.score([ROW]) == [ECHOED]

            await bad.close()
            assert (await failure_of(put(pool, "die"))).code == "model_quarantined"
            assert await put(pool, "die", "another")

    run(story)


def test_a_refused_model_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with opened() as pool:
            bad = await put(pool, "die")
            for _ in range(pools.MOST_DEATHS):
                await failure_of(bad.score([ROW]))
            now = time.monotonic()
            monkeypatch.setattr(pools, "monotonic", lambda: now + pools.DEATH_SECONDS + 1)

            assert (await failure_of(bad.score([ROW]))).code == "model_unavailable"

    run(story)


def test_a_model_that_spins_is_ended_in_time() -> None:
    async def story() -> None:
        async with opened(seconds=0.5) as pool:
            bad, good = await put(pool, "spin"), await put(pool, "echo")
            began = time.monotonic()
            failed, *others = await asyncio.gather(
                failure_of(bad.score([ROW])), *(good.score([ROW]) for _ in range(5))
            )

            assert (type(failed), failed.code) == (TimedOut, "prediction_timeout")
            assert others == [[ECHOED]] * 5
            assert time.monotonic() - began < 10

    run(story)


@pytest.mark.parametrize("word", ["allocate", "recurse"])
def test_a_model_that_takes_without_end_fails_by_itself(word: str) -> None:
    async def story() -> None:
        async with opened() as pool:
            bad, good = await put(pool, word), await put(pool, "echo")
            failed = await failure_of(bad.score([ROW]))

            assert type(failed) is ScoringFailed
            assert await good.score([ROW]) == [ECHOED]

    run(story)


@pytest.mark.parametrize("word", ["socket", "write", "create", "fork", "run"])
def test_a_model_may_do_little(word: str) -> None:
    async def story() -> None:
        async with opened() as pool:
            bad = await put(pool, word)
            failed = await failure_of(bad.score([ROW]))

            assert type(failed) is ScoringFailed
            assert "Forbidden" in failed.message

    run(story)
    assert not Path(ESCAPED).exists()


def test_a_worker_has_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "very-secret")

    async def story() -> None:
        async with opened() as pool:
            said = (await (await put(pool, "environment")).score([ROW]))[0].prediction

            assert "PATH=" in str(said)
            assert "very-secret" not in str(said)

    run(story)


@pytest.mark.parametrize(
    ("word", "wanted", "code"),
    [
        ("broken", BrokenArtifact, "broken_artifact"),
        ("at once die", ModelUnavailable, "model_unavailable"),
        ("at once allocate", ScoringFailed, "model_failed"),
    ],
)
def test_a_model_that_cannot_be_opened_says_so(
    word: str, wanted: type[AppError], code: str
) -> None:
    async def story() -> None:
        async with opened() as pool:
            good = await put(pool, "echo")
            before = descriptors()
            failed = await failure_of(put(pool, word))

            assert (type(failed), failed.code) == (wanted, code)
            assert await good.score([ROW]) == [ECHOED]
            assert descriptors() == before

    run(story)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_caller_that_hangs_up_disturbs_nobody() -> None:
    async def story() -> None:
        async with opened() as pool:
            slow, good = await put(pool, "sleep"), await put(pool, "echo")
            under_way = asyncio.ensure_future(slow.score([ROW]))
            waiting = asyncio.ensure_future(slow.score([ROW]))
            await asyncio.sleep(0.05)
            under_way.cancel()
            waiting.cancel()

            assert await good.score([ROW]) == [ECHOED]
            assert await slow.score([ROW]) == [ECHOED]

    run(story)


def test_what_was_let_go_of_is_not_asked_again() -> None:
    async def story() -> None:
        async with opened() as pool:
            echo, other = await put(pool, "echo"), await put(pool, "echo")
            await echo.close()
            await echo.close()

            assert (await failure_of(echo.score([ROW]))).code == "model_unavailable"
            assert await other.score([ROW]) == [ECHOED]

    run(story)


def test_closing_fails_what_waits_and_leaves_nothing() -> None:
    async def story() -> None:
        before, had = descriptors(), children()
        pool = WorkerPool(workers=2, memory=MEMORY, timeout=10)
        slow, echo = await put(pool, "sleep"), await put(pool, "echo")
        asked = [asyncio.ensure_future(each.score([ROW])) for each in (slow, slow, echo)]
        await asyncio.sleep(0)
        await pool.close()
        ends = await asyncio.gather(*asked, return_exceptions=True)

        assert [type(each) for each in ends] == [ModelUnavailable] * 3
        assert (descriptors(), children()) == (before, had)
        assert (await failure_of(echo.score([ROW]))).code == "model_unavailable"

    run(story)


def test_descriptors_do_not_leak() -> None:
    async def story() -> None:
        async with opened(workers=2) as pool:
            echo = await put(pool, "echo")
            await put(pool, "echo")
            before = descriptors()
            for number in range(50):
                made = await put(pool, "echo", str(number))
                await made.score([ROW])
                await made.close()
                if number % 10 == 9:
                    await failure_of((await put(pool, "die", f"bad {number}")).score([ROW]))
                    bad = await failure_of(put(pool, "broken"))
                    assert bad.code == "broken_artifact"
            assert await echo.score([ROW]) == [ECHOED]
            await asyncio.sleep(0.1)
            # The models that died have not been let go of: a descriptor each is theirs.
            assert descriptors() - before == 5

    run(story)


PARENT = """
import asyncio, sys
from io import BytesIO
from apps.models.adapters.workers import process
from apps.models.adapters.workers.pool import WorkerPool
from tests.models.adapters.test_workers import BLUEPRINT, MEMORY, ROW, children
process.MODULE = "tests.fakes.worker"
async def main():
    pool = WorkerPool(workers=1, memory=MEMORY, timeout=0.5)
    model = await pool.load("m", BLUEPRINT, BytesIO(sys.argv[1].encode()))
    print(*children(), flush=True)
    asyncio.get_running_loop().call_later(0.1, lambda: print("now", flush=True))
    await model.score([ROW])
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("word", ["echo", "spin"])
def test_a_worker_ends_with_its_parent(word: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, word], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.stdout.readline()
        parent.kill()

    wait_for_end(pid)


def test_frames_come_whole_or_not_at_all() -> None:
    sent = frames.write({"a": [1, None, "ä"]}) + frames.write([2])
    buffer, found = bytearray(), []
    for byte in sent:
        buffer.append(byte)
        if (document := frames.take(buffer)) is not None:
            found.append(document)

    assert (found, buffer) == ([{"a": [1, None, "ä"]}, [2]], bytearray())


def test_frames_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_BYTES", 100)

    with pytest.raises(ScoringFailed):
        frames.write("a" * 99)
    with pytest.raises(frames.Broken):
        frames.take(bytearray(frames.HEAD.pack(101)))
    with pytest.raises(frames.Broken):
        frames.take(bytearray(frames.HEAD.pack(1) + b"{"))


def test_large_batches_are_sent_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_CELLS", 7)

    async def story() -> None:
        async with opened() as pool:
            echo = await put(pool, "echo")
            scored = await echo.score([(float(number), 0.0) for number in range(50)])

            assert [each.prediction for each in scored] == [float(number) for number in range(50)]

    run(story)


def test_rows_larger_than_a_socket_takes_at_once_arrive() -> None:
    async def story() -> None:
        async with opened() as pool:
            echo = await put(pool, "echo")
            rows = [("x" * 10_000 + str(number),) for number in range(500)]

            assert [each.prediction for each in await echo.score(rows)] == [row[0] for row in rows]

    run(story)


def test_an_answer_that_comes_too_late_is_nobody_elses() -> None:
    """It was on its way already when the time was up."""

    async def story() -> None:
        async with opened() as pool:
            slow, echo = await put(pool, "sleep"), await put(pool, "echo")
            late = asyncio.ensure_future(slow.score([(7.0,)]))
            other = asyncio.ensure_future(echo.score([ROW]))
            await asyncio.sleep(0.05)
            time.sleep(1.0)  # noqa: ASYNC251 - the loop has other work: the answer waits in the socket
            (worker,) = pool._workers
            assert worker.process is not None
            worker._run_out(worker.process)

            assert isinstance(await failure_of(late), TimedOut)
            async with asyncio.timeout(20):
                assert await other == [ECHOED]

    run(story)


def test_a_worker_that_dies_with_its_answer_keeps_the_line_in_order() -> None:
    async def story() -> None:
        async with opened() as pool:
            slow, echo = await put(pool, "sleep"), await put(pool, "echo")
            asked = [slow.score([(7.0,)]), *(echo.score([(float(each),)]) for each in range(4))]
            waiting = [asyncio.ensure_future(each) for each in asked]
            await asyncio.sleep(0.05)
            time.sleep(1.0)  # noqa: ASYNC251 - as above
            (pid,) = children()
            os.kill(int(pid), signal.SIGKILL)
            wait_for_end(int(pid))

            async with asyncio.timeout(20):
                answers = await asyncio.gather(*waiting)

            assert [one.prediction for (one,) in answers] == [7.0, 0.0, 1.0, 2.0, 3.0]

    run(story)


def test_answers_that_are_not_one_a_row_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that was taken over may say anything."""

    async def story() -> None:
        async with opened() as pool:
            echo = await put(pool, "echo")
            whole = [[1.0, None, None, None]] * 3
            said: list[Any] = [whole]  # what `ask` reads

            async def ask(*_: Any) -> Any:
                return said[0]

            monkeypatch.setattr(pools._Worker, "ask", ask)
            assert await echo.score([ROW] * 3) == [Scored(1.0)] * 3
            for said[0] in (whole[:2], [], 7, [7], [[]], None):
                assert isinstance(await failure_of(echo.score([ROW] * 3)), ScoringFailed)
            for said[0] in (None, [], {}, {"base_value": 1.0, "values": [1.0], "output": "x"}):
                assert isinstance(await failure_of(echo.explain(ROW)), ScoringFailed)

    run(story)
