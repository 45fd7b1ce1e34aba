"""The local model's process: started once, shared, started anew, idled out, refused clearly; and once for real."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.providers.adapters import registry
from apps.providers.adapters.local import model, supervisor
from apps.providers.adapters.local.model import LocalModel
from apps.providers.adapters.local.supervisor import Supervisor
from apps.providers.adapters.local.transport import LocalTransport
from apps.providers.adapters.protocol import Exchange, UpstreamRequest
from apps.providers.domain.calls import Event, UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Operation, ProviderKind

pytestmark = pytest.mark.integration
FAKE = Path(__file__).with_name("fake_child.py")
PROVIDER = ProviderView("prov_1", "local", ProviderKind.LOCAL, "")
ADAPTER = registry.adapter_for(ProviderKind.LOCAL)


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    settings.SIGNALBOX_LOCAL_IDLE = 0
    monkeypatch.setattr(supervisor, "CHILD", FAKE)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(supervisor, "find_model", lambda: LocalModel(Path("model.gguf"), "fake"))
    return tmp_path / "local-model"


@pytest.fixture
def supervisors(folder: Path) -> Iterator[Callable[[], Supervisor]]:
    """As many as there are processes: the lock tells them apart by their open files."""
    made: list[Supervisor] = []

    def make() -> Supervisor:
        made.append(Supervisor())
        return made[-1]

    yield make
    for one in made:
        one.stop()


def request(**body: Any) -> UpstreamRequest:
    call = UpstreamCall(Operation.CHAT, "smollm2", {"messages": [], **body})
    return ADAPTER.request(call, PROVIDER)


async def ask(transport: LocalTransport, **body: Any) -> str:
    exchange = await open_(transport, request(**body))
    try:
        data = b"".join([piece async for piece in exchange.pieces()])
    finally:
        await exchange.close()
    return ADAPTER.answer(UpstreamCall(Operation.CHAT, "smollm2", {}), data).text


async def open_(transport: LocalTransport, asked: UpstreamRequest, seconds: float = 20) -> Exchange:
    return await transport.open(
        asked, first_byte_seconds=seconds, idle_seconds=20, total_seconds=40, most_bytes=1_000_000
    )


def test_local_calls_share_one_child(supervisors: Callable[[], Supervisor], folder: Path) -> None:
    one, other = LocalTransport(supervisors()), LocalTransport(supervisors())

    async def all_at_once() -> set[str]:
        return set(
            await asyncio.gather(*(ask(one) for _ in range(8)), *(ask(other) for _ in range(8)))
        )

    assert len(asyncio.run(all_at_once())) == 1
    assert stat.S_IMODE((folder / "endpoint.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_local_key_stands_in_no_list_of_processes(supervisors: Callable[[], Supervisor]) -> None:
    one = supervisors()
    endpoint = one.ensure()

    assert one._child is not None
    command = Path(f"/proc/{one._child.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{one._child.pid}/environ").read_bytes()
    assert endpoint.key.encode() not in command + environment
    assert b"SECRET" not in environment


def test_local_child_that_died_is_started_anew(supervisors: Callable[[], Supervisor]) -> None:
    one, other = LocalTransport(supervisors()), LocalTransport(supervisors())

    async def story() -> list[str]:
        told = [await ask(one), await ask(other)]
        with pytest.raises(CallFailed) as raised:
            await ask(other, die=True)
        assert raised.value.reason == "reset"
        wait_for(lambda: has_ended(told[0]))
        return [*told, await ask(other), await ask(one)]

    first, second, third, fourth = asyncio.run(story())
    assert first == second
    assert third == fourth
    assert third != first


def test_local_child_ends_with_the_process_that_holds_it(
    folder: Path, supervisors: Callable[[], Supervisor], tmp_path: Path
) -> None:
    code = (
        "import time; from tests.providers.adapters import test_local as t;t.hold(); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=FAKE.parents[3],
        env={**os.environ, "SIGNALBOX_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings.test"},
    )  # fmt: skip
    try:
        wait_for((folder / "endpoint.json").exists)
        transport = LocalTransport(supervisors())
        before = asyncio.run(ask(transport))
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        wait_for(lambda: has_ended(before))
        after = asyncio.run(ask(transport))
    finally:
        holder.kill()
        holder.wait()

    assert after != before


def hold() -> None:
    """In a process of its own: run a child and keep it."""
    import django  # noqa: PLC0415 - only in that process

    django.setup()
    supervisor.CHILD = FAKE
    supervisor.find_model = lambda: LocalModel(Path("model.gguf"), "fake")
    supervisor.SUPERVISOR.ensure()


def test_local_child_goes_when_idle(
    supervisors: Callable[[], Supervisor], settings: Settings
) -> None:
    settings.SIGNALBOX_LOCAL_IDLE = 0.3
    one = supervisors()
    one.ensure()
    child = one._child
    assert child is not None

    for _ in range(8):
        one.note_use()
        time.sleep(0.1)
        assert child.poll() is None
    wait_for(lambda: child.poll() is not None)

    assert one.endpoint is None
    assert one.ensure().number != child.pid


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("illegal", "The local model cannot run on this machine's processor."),
        (
            "broken",
            "The local model did not start; the log in the data directory says why (local-model/child.log).",
        ),
    ],
)
def test_local_model_that_does_not_start_is_refused_at_once_for_a_while(
    supervisors: Callable[[], Supervisor], monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    started = []

    def find() -> LocalModel:
        started.append(name)
        return LocalModel(Path("model.gguf"), name)

    monkeypatch.setattr(supervisor, "find_model", find)
    one = supervisors()

    for _ in range(3):
        with pytest.raises(CallFailed) as raised:
            one.ensure()
        assert raised.value.message == message
    assert started == [name]

    monkeypatch.setattr(supervisor, "REST_SECONDS", 0)
    monkeypatch.setattr(supervisor, "find_model", lambda: LocalModel(Path("m"), "fake"))
    assert one.ensure().port > 0


def test_local_model_that_takes_long_to_start_times_the_call_out_and_goes_on(
    supervisors: Callable[[], Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow() -> LocalModel:
        time.sleep(0.5)
        return LocalModel(Path("m"), "fake")

    monkeypatch.setattr(supervisor, "find_model", slow)
    transport = LocalTransport(supervisors())

    async def story() -> str:
        with pytest.raises(CallTimedOut):
            await open_(transport, request(), seconds=0.1)
        return await ask(transport)

    assert asyncio.run(story()).startswith("from ")


@pytest.mark.usefixtures("folder")
def test_local_model_that_is_not_installed_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(model, "find_spec", lambda name: None)
    with pytest.raises(CallFailed, match="`make up` installs it, unless LOCAL_LLM=0"):
        model.find_model()
    assert model.is_installed() is False

    monkeypatch.setattr(model, "find_spec", lambda name: object())
    settings.SIGNALBOX_LOCAL_MODEL = "/nowhere/model.gguf"
    with pytest.raises(CallFailed, match="SIGNALBOX_LOCAL_MODEL names no file"):
        model.find_model()

    settings.SIGNALBOX_LOCAL_MODEL = ""
    monkeypatch.setattr(model, "PACKAGE", "a-package-that-is-not-there")
    with pytest.raises(CallFailed, match="There is no model file to serve"):
        model.find_model()


def test_local_model_is_the_operators_file(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "find_spec", lambda name: object())
    file = tmp_path / "tiny-chat.gguf"
    file.touch()
    settings.SIGNALBOX_LOCAL_MODEL = str(file)

    assert model.find_model() == LocalModel(file, "tiny-chat")


@pytest.mark.skipif(
    not model.is_installed(), reason="the local model is not installed (LOCAL_LLM=0?)"
)
def test_local_model_really_answers(tmp_path: Path, settings: Settings) -> None:
    settings.SIGNALBOX_DATA_DIR = tmp_path
    one = Supervisor()
    transport = LocalTransport(one)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    body = {"messages": question, "max_tokens": 8, "temperature": 0}
    call = UpstreamCall(Operation.CHAT, "smollm2", body, is_stream=True)

    async def story() -> tuple[list[Event], Any]:
        exchange = await open_(transport, ADAPTER.request(call, PROVIDER), seconds=60)
        reader = ADAPTER.events(call)
        events = [event async for piece in exchange.pieces() for event in reader.feed(piece)]
        await exchange.close()
        long = {"messages": [{"role": "user", "content": "a b c " * 4000}]}
        refused = await open_(
            transport, ADAPTER.request(UpstreamCall(Operation.CHAT, "m", long), PROVIDER)
        )
        data = b"".join([piece async for piece in refused.pieces()])
        await refused.close()
        return events, ADAPTER.refusal(refused.status, refused.headers, data)

    try:
        events, refusal = asyncio.run(story())
    finally:
        one.stop()

    (usage,) = (event.usage for event in events if event.usage)
    assert "".join(event.text for event in events).strip()
    assert (usage.prompt_tokens > 5, 0 < usage.completion_tokens <= 8) == (True, True)
    assert events[-1].is_last
    assert refusal.is_context_overflow


def has_ended(answer: str) -> bool:
    """Whether the process that gave this answer is gone, or a zombie that nobody has asked after."""
    place = Path("/proc") / answer.removeprefix("from ") / "stat"
    return not place.exists() or place.read_text().rpartition(")")[2].split()[0] == "Z"


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError("it did not come about")
