"""Models of other servers: what is sent to them, what is made of their answers, and every way they can fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from apps.core.errors import AppError, TimedOut, Upstream
from apps.core.http_client.client import close_session
from apps.models.adapters.remote import client
from apps.models.adapters.remote.client import RemoteExecutor
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Row, Schema
from apps.models.domain.scoring import Blueprint, Output, Scored
from apps.models.enums import Format
from apps.models.errors import ModelUnavailable, ScoringFailed
from tests.factories import receiver as servers
from tests.factories.receiver import Handler, Receiver

pytestmark = pytest.mark.integration
SCHEMA: Schema = {
    "n": {"type": "number"},
    "i": {"type": "integer"},
    "s": {"type": "string"},
    "b": {"type": "boolean"},
}
ROWS: list[Row] = [(0.5, 2, "ä", True), (None, -3, "b", False)]
KSERVE, MLFLOW = "/v2/models/churn/infer", "/invocations"


@pytest.fixture
def server(settings: Any) -> Iterator[Receiver]:
    with Receiver() as made:
        settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{made.port}"})
        yield made


def executor(
    url: str, protocol: str, *, seconds: float = 5, schema: Schema = SCHEMA
) -> RemoteExecutor:
    details = {"protocol": protocol, "url": url, "model": "churn"}
    described = Description(Format.REMOTE, "", details=details)
    return RemoteExecutor(Blueprint(described, schema, ((0.0,) * len(schema),)), timeout=seconds)


def awaited(work: Awaitable[Any]) -> Any:
    async def story() -> Any:
        try:
            return await work
        finally:
            await close_session()

    return asyncio.run(story())


def scored(server: Receiver, protocol: str, answer: Any, rows: list[Row] = ROWS) -> list[Scored]:
    server.answers[KSERVE if protocol == "kserve-v2" else MLFLOW] = [
        servers.status(200, json.dumps(answer).encode())
    ]
    found: list[Scored] = awaited(executor(server.url(""), protocol).score(rows))
    return found


def test_mlflow_is_sent_a_table(server: Receiver) -> None:
    scored(server, "mlflow", {"predictions": [1, 0]})

    (sent,) = server.at(MLFLOW)
    assert (sent.method, sent.headers["content-type"]) == ("POST", "application/json")
    assert json.loads(sent.body) == {
        "dataframe_split": {
            "columns": ["n", "i", "s", "b"],
            "data": [[0.5, 2, "ä", True], [None, -3, "b", False]],
        }
    }


def test_kserve_is_sent_an_input_a_feature(server: Receiver) -> None:
    scored(server, "kserve-v2", {"outputs": [{"name": "predict", "shape": [2], "data": [1, 0]}]})

    (sent,) = server.at(KSERVE)
    assert json.loads(sent.body) == {
        "inputs": [
            {"name": "n", "shape": [2, 1], "datatype": "FP64", "data": [0.5, None]},
            {"name": "i", "shape": [2, 1], "datatype": "INT64", "data": [2, -3]},
            {"name": "s", "shape": [2, 1], "datatype": "BYTES", "data": ["ä", "b"]},
            {"name": "b", "shape": [2, 1], "datatype": "BOOL", "data": [True, False]},
        ]
    }


@pytest.mark.parametrize(
    ("given", "protocol", "path"),
    [
        ("", "mlflow", "/invocations"),
        ("/", "mlflow", "/invocations"),
        ("/deep/invocations", "mlflow", "/deep/invocations"),
        ("", "kserve-v2", "/v2/models/churn/infer"),
        ("/v2/models/other", "kserve-v2", "/v2/models/other/infer"),
        ("/v2/models/other/versions/3/infer", "kserve-v2", "/v2/models/other/versions/3/infer"),
    ],
)
def test_the_protocols_path_is_added_where_it_is_missing(
    given: str, protocol: str, path: str, server: Receiver
) -> None:
    server.answers[path] = [
        servers.status(200, b'{"predictions": [1, 0], "outputs": [{"name": "y", "data": [1, 0]}]}')
    ]

    awaited(executor(server.url(given), protocol).score(ROWS))

    assert len(server.at(path)) == 1


LABELS = [Scored(1), Scored("no")]
OF_TWO = [Scored(1, 0.8, None, pytest.approx(0.3)), Scored(0, 0.25, None, 0.25)]
OF_THREE = [
    Scored("b", 0.5, {"a": 0.25, "b": 0.5, "c": 0.25}, 0.125),
    Scored("a", 1.0, {"a": 1.0, "b": 0.0, "c": 0.0}, 0.5),
]
TABLE = [[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ({"predictions": [1, "no"]}, LABELS),
        ({"predictions": [1.5, -2e10]}, [Scored(1.5), Scored(-2e10)]),
        ({"predictions": [[1.5], [2.5]]}, [Scored(1.5), Scored(2.5)]),
        ({"predictions": [[0.2, 0.8], [0.75, 0.25]]}, OF_TWO),
        ({"predictions": [{"prediction": 1, "probability": 0.8}, {"prediction": 0, "probability": 0.25}]}, OF_TWO),
        ({"predictions": {"label": [1, 0], "probability": [0.8, 0.25]}}, OF_TWO),
        (
            {"predictions": [
                {"prediction": "b", "probabilities": {"a": 0.25, "b": 0.5, "c": 0.25}},
                {"prediction": "a", "probabilities": {"a": 1.0, "b": 0.0, "c": 0.0}},
            ]},
            OF_THREE,
        ),
        ({"predictions": [[3, 9], [8, 1]]}, [Scored(1), Scored(0)]),
    ],
    ids=["labels", "numbers", "columns of one", "rows of two", "objects", "columns", "by class", "scores"],
)  # fmt: skip
def test_answers_of_mlflow(answer: Any, wanted: list[Scored], server: Receiver) -> None:
    assert scored(server, "mlflow", answer) == wanted


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        ([{"name": "any", "shape": [2], "data": [1, "no"]}], LABELS),
        ([{"name": "any", "shape": [2, 1], "data": [1, "no"]}], LABELS),
        ([{"name": "y", "shape": [2, 2], "data": [0.2, 0.8, 0.75, 0.25]}], OF_TWO),
        ([{"name": "y", "shape": [2, 2], "data": [[0.2, 0.8], [0.75, 0.25]]}], OF_TWO),
        (
            [
                {"name": "probability", "shape": [2], "data": [0.8, 0.25]},
                {"name": "label", "shape": [2], "data": [1, 0]},
            ],
            OF_TWO,
        ),
        (
            [{"name": "predict_proba", "shape": [2, 3], "data": [0.25, 0.5, 0.25, 1.0, 0.0, 0.0]}],
            [
                Scored(1, 0.5, {"0": 0.25, "1": 0.5, "2": 0.25}, 0.125),
                Scored(0, 1.0, {"0": 1.0, "1": 0.0, "2": 0.0}, 0.5),
            ],
        ),
    ],
    ids=["labels", "columns of one", "flat", "nested", "two outputs", "probabilities"],
)
def test_answers_of_kserve(outputs: Any, wanted: list[Scored], server: Receiver) -> None:
    assert scored(server, "kserve-v2", {"outputs": outputs}) == wanted


WRONG: list[Any] = [
    b"", b"[]", b"{}", b"not json", b'{"predictions": 5}', b'{"predictions": [1]}', b'{"predictions": [1, 2, 3]}',
    b'{"predictions": [1, null]}', b'{"predictions": [1, NaN]}', b'{"predictions": [1, 1e999]}',
    b'{"predictions": [[], []]}', b'{"predictions": [[1, "x"], [2, 3]]}', b'{"predictions": [{}, {}]}',
    b'{"predictions": [{"prediction": {"a": 1}}, {"prediction": 1}]}',
    b'{"predictions": {"label": [1, 0], "probability": [0.5]}}',
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG, ids=[each.decode()[:60] for each in WRONG])
def test_answers_of_mlflow_that_are_none(body: bytes, server: Receiver) -> None:
    server.answers[MLFLOW] = [servers.status(200, body)]

    with pytest.raises(AppError) as failed:
        awaited(executor(server.url(""), "mlflow").score(ROWS))

    assert type(failed.value) is Upstream


@pytest.mark.parametrize(
    "outputs",
    [
        None, [], [5], [{"name": "y"}], [{"name": "y", "data": [1]}],
        [{"name": "y", "shape": [2, 3], "data": [1, 2, 3, 4]}],
        [{"name": "y", "shape": [2, 0], "data": [1, 2]}],
        [{"name": "y", "shape": [2, -1], "data": [1, 2]}],
        [{"name": "y", "shape": [2, 10**9], "data": [1, 2]}],
        [{"name": "probability", "shape": [2], "data": [True, False]}],
    ],
)  # fmt: skip
def test_answers_of_kserve_that_are_none(outputs: Any, server: Receiver) -> None:
    with pytest.raises(AppError) as failed:
        scored(server, "kserve-v2", {"outputs": outputs})

    assert type(failed.value) is Upstream


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (servers.status(500), Upstream),
        (servers.status(302, Location="/elsewhere"), Upstream),
        (servers.status(204), Upstream),
        (servers.status(400), ScoringFailed),
        (servers.status(401), ScoringFailed),
        (servers.status(429), ModelUnavailable),
        (servers.status(503), ModelUnavailable),
        (servers.reset, AppError),
        (servers.garbage, AppError),
        (servers.half, AppError),
        (servers.hang, TimedOut),
        (servers.drip, TimedOut),
    ],
)
def test_failures_of_the_server(
    answer: servers.Answer, wanted: type[AppError], server: Receiver
) -> None:
    server.answers[MLFLOW] = [answer]

    with pytest.raises(AppError) as failed:
        awaited(executor(server.url(""), "mlflow", seconds=0.5).score(ROWS))

    assert isinstance(failed.value, Upstream if wanted is AppError else wanted)


@pytest.mark.parametrize("answer", [servers.huge, servers.bomb], ids=["huge", "bomb"])
def test_answers_are_bounded(
    answer: servers.Answer, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_ANSWER", 100_000)
    server.answers[MLFLOW] = [answer]

    with pytest.raises(Upstream) as failed:
        awaited(executor(server.url(""), "mlflow").score(ROWS))

    assert failed.value.message == "The model's server answers more than we take."


def test_a_server_that_is_not_there(server: Receiver, settings: Any) -> None:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({"127.0.0.1:9"})

    with pytest.raises(ModelUnavailable):
        awaited(executor("http://127.0.0.1:9", "mlflow").score(ROWS))


def test_an_address_that_is_not_public_is_not_called(server: Receiver, settings: Any) -> None:
    """Whatever was allowed when the version was registered."""
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset()

    with pytest.raises(Upstream) as failed:
        awaited(executor(server.url(""), "mlflow").score(ROWS))

    assert (failed.value.code, server.received) == ("forbidden_address", [])


def test_no_rows_are_no_call(server: Receiver) -> None:
    assert (awaited(executor(server.url(""), "mlflow").score([])), server.received) == ([], [])


def test_an_explanation_is_one_call_and_adds_up(server: Receiver) -> None:
    def product(handler: Handler) -> None:
        sent = json.loads(handler.server.owner.received[-1].body)["dataframe_split"]["data"]
        handler.reply(200, json.dumps({"predictions": [a * b + 1 for a, b in sent]}).encode())

    server.answers[MLFLOW] = [product]
    schema: Schema = {"a": {"type": "number"}, "b": {"type": "number"}}

    told = awaited(executor(server.url(""), "mlflow", schema=schema).explain((3.0, 5.0)))

    assert (told.base_value, told.values, told.output) == (1.0, (7.5, 7.5), Output.PREDICTION)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "predictions",
    [
        ["x" * 1001],
        [[1 / 1001] * 1001],
        {"prediction": [1], "probabilities": [{"x" * 1001: 0.5, "b": 0.5}]},
    ],
)
def test_an_answer_that_nobody_wants_to_keep_is_refused(server: Receiver, predictions: Any) -> None:
    """Megabytes a row would stand in memory for as long as answers are remembered."""
    with pytest.raises(Upstream):
        scored(server, "mlflow", {"predictions": predictions}, ROWS[:1])


def test_long_rows_and_long_answers_are_worked_on_beside_the_loop(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[str] = []

    async def in_pool(work: Any, *args: Any, **kwargs: Any) -> Any:
        beside.append(work.__name__)
        return work(*args, **kwargs)

    monkeypatch.setattr(client, "in_pool", in_pool)
    answer = {"predictions": [1.0, 2.0]}
    assert scored(server, "mlflow", answer) == [Scored(1.0), Scored(2.0)]
    assert beside == []

    monkeypatch.setattr(client, "LONG_CELLS", 7)
    monkeypatch.setattr(client, "LONG_ANSWER", 7)
    assert scored(server, "mlflow", answer) == [Scored(1.0), Scored(2.0)]
    assert beside == ["write_rows", "read_answers"]
