"""The demo's model, and the boosted trees of the peer's making, in our own server, put there through the API."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.gateway import make
from bench.load import Call
from bench.ours import RATE
from bench.servers import Server
from config.churn.customers import EXAMPLE, SCHEMA, make_customers
from config.churn.written import CHALLENGER, CHAMPION, NAME, read_written

BOOSTED, UNLOGGED = "boosted", "unlogged"
BACKGROUND = 50
NEW_ROW = json.dumps({**EXAMPLE, "total_charges": 0}).replace(
    '"total_charges": 0', '"total_charges": @number@'
)
"""A row that nobody has asked for before, each time."""
SAME_ROW = json.dumps(EXAMPLE)
NEW_NUMBERS = json.dumps({f"feature_{at}": at for at in range(10)}).replace(
    '"feature_2": 2', '"feature_2": @number@'
)


def caller(server: Server, key: str) -> str:
    """A key of a caller's: a role, a limit that nobody reaches, and every call counted against it."""
    return str(
        make(server, key, "keys", {"name": "c", "role": "user", "limits": {"all": RATE}})["key"]
    )


def publish_churn(server: Server, key: str) -> None:
    """Twice: as it is, and as a model whose predictions are counted and not logged."""
    for name in (NAME, UNLOGGED):
        make(server, key, "models", {"name": name})
        for label in (CHAMPION, CHALLENGER):
            card = json.dumps(read_written(label)["card"]).encode()
            _publish(server, key, name, card, version=label, feature_schema=json.dumps(SCHEMA))
        promote(server, key, name, CHAMPION)
    share = json.dumps({"log_share": 0}).encode()
    _ask(server, key, f"/api/v1/models/{UNLOGGED}", "application/json", share, method="PATCH")


def publish_boosted(server: Server, key: str, graph: Path) -> None:
    """Its features are numbers without names; explanations are told against some customers' rows."""
    make(server, key, "models", {"name": BOOSTED})
    names = json.loads(NEW_NUMBERS.replace("@number@", "0"))
    schema = {name: {"type": "number"} for name in names}
    rows = [
        dict(zip(names, _numbers(each.features), strict=True))
        for each in make_customers(BACKGROUND, 9)
    ]
    _publish(
        server,
        key,
        BOOSTED,
        graph.read_bytes(),
        version="1",
        feature_schema=json.dumps(schema),
        background=json.dumps(rows),
    )
    promote(server, key, BOOSTED, "1")


def _numbers(features: Mapping[str, Any]) -> list[float]:
    """As `peers/churn_models.py` makes them: words by their place in the alphabet."""
    return [
        float(sorted(SCHEMA[name]["enum"]).index(value) if isinstance(value, str) else value)
        for name, value in features.items()
    ]


def promote(server: Server, key: str, name: str, label: str) -> None:
    _ask(
        server,
        key,
        f"/api/v1/models/{name}/versions/{label}/stage",
        "application/json",
        json.dumps({"stage": "Production"}).encode(),
    )


def predict_call(
    server: Server, key: str, features: str, *, model: str = NAME, query: str = ""
) -> Call:
    body = f'{{"features": {features}, "customer_id": "CUST12345"}}'
    return Call(f"{server.url}/predict/{model}{query}", "POST", _headers(key), body)


def batch_call(server: Server, key: str, rows: int, *, model: str = NAME) -> Call:
    row = f'{{"customer_id": "CUST12345", "features": {SAME_ROW}}}'
    body = f'{{"predictions": [{", ".join([row] * rows)}]}}'
    return Call(f"{server.url}/predict/batch/{model}", "POST", _headers(key), body)


def _headers(key: str) -> dict[str, str]:
    return {"X-API-Key": key, "Content-Type": "application/json"}


def _publish(server: Server, key: str, name: str, file: bytes, **fields: str) -> None:
    mark = uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'.encode()
        for field, text in fields.items()
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="m"\r\n\r\n'.encode()
    body = b"".join(parts) + head + file + f"\r\n--{mark}--\r\n".encode()
    kind = f"multipart/form-data; boundary={mark}"
    _ask(server, key, f"/api/v1/models/{name}/versions", kind, body)


def _ask(
    server: Server, key: str, path: str, kind: str, body: bytes, *, method: str = "POST"
) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"X-API-Key": key, "Content-Type": kind}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"{method} {path}: {answer.status} {said[:500]!r}")
    return json.loads(said)
