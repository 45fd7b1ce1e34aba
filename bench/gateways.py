"""The peers of the gateway, each from its package, in a folder of its own that is made on first use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.load import ROOT, Call
from bench.servers import Server, free_port

PEERS = ROOT / ".bench"
UNLOCKED = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
MESSAGES = [{"role": "user", "content": "Say hello to the gateway."}]


def chat_call(url: str, model: str, *, is_stream: bool = False, **headers: str) -> Call:
    body = json.dumps({"model": model, "messages": MESSAGES, "max_tokens": 16, "stream": is_stream})
    return Call(url, "POST", {"Content-Type": "application/json", **headers}, body)


def start_litellm(folder: Path, upstream: str, cores: set[int]) -> tuple[Server, Call]:
    """LiteLLM's proxy: no key, no budget, no database, one worker, as its manual starts it."""
    home = PEERS / "litellm"
    program = home / "bin" / "litellm"
    if not program.exists():
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(home / "bin" / "pip"), "install", "-q", "litellm[proxy]"])
    config = folder / "litellm.yaml"
    params = {"model": "openai/ok", "api_base": upstream, "api_key": "sk-x"}
    entry = {"model_name": "m", "litellm_params": params}
    config.write_text(json.dumps({"model_list": [entry]}))  # JSON is YAML too
    port = free_port()
    server = Server(
        "litellm",
        [str(program), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"],
        port=port,
        cores=cores,
        folder=folder,
        environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", **UNLOCKED},
    )
    return server, chat_call(f"{server.url}/v1/chat/completions", "m", Authorization="Bearer x")


def start_portkey(folder: Path, upstream: str, cores: set[int]) -> tuple[Server, Call]:
    """Portkey's gateway: stateless, told where to go by headers."""
    home = PEERS / "portkey"
    program = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not program.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("npm is not here, so Portkey is left out")
        home.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--silent", "--prefix", str(home), "@portkey-ai/gateway"])
    port = free_port()
    server = Server(
        "portkey",
        [str(shutil.which("node")), str(program), f"--port={port}", "--headless"],
        port=port,
        cores=cores,
        folder=folder,
        environment={"NODE_ENV": "production"},
    )
    headers = {
        "Authorization": "Bearer sk-x",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": upstream,
    }
    return server, chat_call(f"{server.url}/v1/chat/completions", "ok", **headers)


STARTERS: dict[str, Callable[[Path, str, set[int]], tuple[Server, Call]]] = {
    "LiteLLM proxy": start_litellm,
    "Portkey gateway": start_portkey,
}


def start_upstream(folder: Path, cores: set[int]) -> Server:
    """The fake model server of the tests; it answers at once and writes nothing down."""
    port = free_port()
    command = [sys.executable, "-m", "tests.fakes.llm", "--port", str(port), "--forget"]
    return Server("upstream", command, port=port, cores=cores, folder=folder)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, check=True, timeout=900, env=environment)
