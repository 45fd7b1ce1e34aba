"""The child process: serves one model on loopback until its parent closes its standard input.

Run by path, it imports nothing of ours. Its configuration comes by standard input, so that the key stands in no list of
processes. The parent's death closes that input too, however it dies.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any


def main() -> None:
    words = json.loads(sys.stdin.readline())
    # What the library prints goes where errors go: standard output says where the model listens, and nothing else.
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with suppress(OSError):
        os.nice(5)  # the gateway goes first
    server = serve(words)
    told.write(json.dumps({"address": server.listening_address}) + "\n")
    told.flush()
    while sys.stdin.read(4096):
        pass
    os._exit(0)  # what it was saying is for nobody any more


def serve(words: dict[str, Any]) -> Any:
    xllamacpp = import_module(
        "xllamacpp"
    )  # as late as this: what it prints is on its way elsewhere by now
    params = xllamacpp.CommonParams()
    params.model.path = words["model"]
    params.model_alias = {words["name"]}
    params.n_ctx = words["context"]
    params.n_parallel = words["parallel"]
    params.kv_unified = True  # one caller alone may use all of the context
    params.cache_ram_mib = 64  # by default it may keep 8 GiB of prompts
    params.warmup = False
    if words["template"]:
        params.chat_template = words["template"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = words["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [words["key"]]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
