"""A small MLflow server: a registry and an artefact proxy, in the shapes that MLflow 3.17 answered."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
SIGNATURE = """\
signature:
  inputs: '[{"type": "double", "name": "tenure", "required": true}, {"type": "double",
    "name": "charges", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}}]'
  params: null
"""


def mlmodel(flavor: str, *, signature: str = SIGNATURE, **words: Any) -> bytes:
    """An `MLmodel` as it is logged; `words` are the flavor's."""
    named = "".join(f"    {name}: {json.dumps(value)}\n" for name, value in words.items())
    return (
        f"artifact_path: mlflow-artifacts:/1/models/m-1/artifacts\nflavors:\n  {flavor}:\n"
        f"    code: null\n{named}  python_function:\n    loader_module: mlflow.{flavor}\n"
        f"mlflow_version: 3.17.2\nrun_id: cff5c1b4f65848d59735238dac285524\n{signature}"
    ).encode()


@dataclass
class FakeMlflow:
    """`versions[model][number]` are files by path; `aliases` and `stages` name a number; `token` is what it wants to
    see, empty for nobody in particular. `asked` are the paths that were called.
    """

    url: str = ""
    token: str = ""
    versions: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    stages: dict[tuple[str, str], str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    place: str = "mlflow-artifacts:"
    description: str = "As it was logged"
    status: int = 0
    """Instead of an answer, if set."""
    asked: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """Credentials, as they came."""

    def add(self, model: str, number: str, files: dict[str, bytes], *, alias: str = "") -> None:
        self.versions.setdefault(model, {})[number] = files
        if alias:
            self.aliases[model, alias] = number

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path.startswith(ARTIFACTS):
            return self._file(unquote(path.removeprefix(ARTIFACTS)))
        model = query.get("name", "")
        match path.removeprefix(API):
            case "/registered-models/alias":
                number = self.aliases.get((model, query["alias"]), "")
                return self._shown(model, number, f"Registered model alias {query['alias']} not found.")  # fmt: skip
            case "/registered-models/get-latest-versions":
                number = self.stages.get((model, query["stages"]), "")
                found = {"model_versions": [self._version(model, number)]} if number else {}
                return 200, found
            case "/model-versions/get-download-uri":
                return 200, {"artifact_uri": f"{self.place}/{model}/{query['version']}/artifacts"}
        return 404, _error("ENDPOINT_NOT_FOUND", "No such endpoint")

    def _shown(self, model: str, number: str, missing: str) -> tuple[int, Any]:
        if not number:
            return 404, _error("RESOURCE_DOES_NOT_EXIST", missing)
        return 200, {"model_version": self._version(model, number)}

    def _version(self, model: str, number: str) -> dict[str, Any]:
        return {
            "name": model,
            "version": number,
            "creation_timestamp": 1795298921141,
            "last_updated_timestamp": 1795298921141,
            "current_stage": "None",
            "description": self.description,
            "source": "models:/m-1",
            "run_id": "cff5c1b4f65848d59735238dac285524",
            "status": "READY",
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
        }

    def _file(self, path: str) -> tuple[int, Any]:
        model, number, _, name = path.split("/", 3)
        files = self.versions.get(model, {}).get(number, {})
        if name not in files:
            return 404, _error("RESOURCE_DOES_NOT_EXIST", f"No such artifact: '{path}'")
        return 200, files[name]


def _error(code: str, message: str) -> dict[str, str]:
    return {"error_code": code, "message": message}


@contextmanager
def running_mlflow(**values: Any) -> Iterator[FakeMlflow]:
    fake = FakeMlflow(**values)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: found[0] for name, found in parse_qs(parts.query).items()}
            fake.asked.append(parts.path)
            given = self.headers.get("Authorization", "")
            fake.seen.append(given)
            status, body = fake.answer(parts.path, query)
            if fake.token and given not in (f"Bearer {fake.token}", _basic(fake.token)):
                status, body = 401, _error("UNAUTHENTICATED", f"You sent {given}")
            if fake.status:
                status, body = fake.status, {}
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def _basic(token: str) -> str:
    return f"Basic {base64.b64encode(f'someone:{token}'.encode()).decode()}"
