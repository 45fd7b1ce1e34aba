"""Files of rows scored by a job: sent, scored, read; bad rows, bad files, other people's files, and stops on the way."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from math import exp
from typing import Any

import pytest

from apps.core import changes
from apps.core.actor import Actor, Role
from apps.core.asgi.pool import in_pool
from apps.core.errors import Unavailable
from apps.core.files import files
from apps.core.models import StoredFile
from apps.jobs.models import Job
from apps.jobs.services.outcomes import Outcome, settle
from apps.jobs.worker.attempt import run_handler
from apps.jobs.worker.context import RunContext
from apps.models.enums import Stage
from apps.models.models import ModelVersion
from apps.models.services import batches
from apps.models.serving import engine, filing
from apps.models.serving.rooms import close_room
from apps.models.serving.tables import known
from apps.models.topics import MODELS_SCOPE
from apps.tenants.models import Organization
from tests.client import Answer, GateClient
from tests.factories.keys import make_key
from tests.factories.models import make_model, make_version
from tests.factories.parts import multipart, part
from tests.factories.tenants import actor_of, log_in, make_admin, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
PATH = "/api/v1/models/churn/batch"
CSV = b"customer_id,tenure,contract\nC1,12,Month-to-month\nC2,900,Two year\nC3,24,Two year\nC4,x,\n"


@pytest.fixture(autouse=True)
def one_loop(monkeypatch: pytest.MonkeyPatch, inline_pool: None) -> Iterator[None]:
    """Scoring within the test's own thread, and so within its transaction."""
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(filing, "call_while", lambda call, wanted: loop.run_until_complete(call))
    yield
    loop.run_until_complete(close_room())
    loop.close()


@pytest.fixture
def key(organization: Organization, version: ModelVersion) -> str:
    return log_in(make_member(organization)).access


def send(key: str, content: bytes = CSV, path: str = PATH, **words: str) -> Answer:
    parts = [part(content, filename="rows.bin")]
    parts += [part(said.encode(), name=name, filename=None) for name, said in words.items()]
    return GateClient().post(path, key=key, **multipart(*parts))


def work(answer: Answer, stop_after: int | None = None) -> tuple[Outcome, RunContext]:
    """As a worker does, up to its end."""
    job = Job.objects.get(public_id=answer.json()["job_id"])
    Job.objects.filter(pk=job.pk).update(state="running", claim=1, attempts=1)
    job.refresh_from_db()
    context = RunContext(job)
    if stop_after is not None:
        told = []

        def stop() -> None:
            context.is_changed = False
            told.append(job.progress)
            if len(told) == stop_after:
                context.stop()

        context.note = stop
    outcome = run_handler(context)
    settle([outcome])
    return outcome, context


def result(key: str, answer: Answer) -> Answer:
    return GateClient().get(answer.json()["links"]["result"], key=key)


def probability(tenure: float, points: float) -> float:
    return 1 / (1 + exp(-(1.0 - 0.05 * tenure + points)))


def test_a_csv_file_comes_back_with_its_answers(key: str) -> None:
    answer = send(key)
    outcome, context = work(answer)
    got = result(key, answer)

    assert (answer.status, answer.json()["status"]) == (202, "queued")
    assert answer.headers["location"] == answer.json()["links"]["status"]
    assert outcome.error is None
    assert {name: outcome.result[name] for name in ("rows", "failed", "model", "model_version")} == {
        "rows": 4, "failed": 2, "model": "churn", "model_version": "1.2.0",
    }  # fmt: skip
    assert (context.job.message, got.headers["content-type"]) == (
        "4 rows, 2 failed", "text/csv; charset=utf-8",
    )  # fmt: skip
    first, second, third, fourth = csv.DictReader(io.StringIO(got.body.decode()))
    assert list(first) == [
        "row", "customer_id", "prediction", "probability", "prediction_id", "error",
    ]  # fmt: skip
    assert (first["row"], first["customer_id"], first["prediction"], first["error"]) == (
        "1", "C1", "1", "",
    )  # fmt: skip
    assert float(first["probability"]) == pytest.approx(probability(12, 1.2))
    assert first["prediction_id"].startswith("pred_")
    assert (second["customer_id"], second["prediction"], second["error"]) == (
        "C2", "", "tenure must be at most 100",
    )  # fmt: skip
    assert float(third["probability"]) == pytest.approx(probability(24, -0.8))
    assert (fourth["row"], fourth["error"]) == ("4", "tenure must be an integer")


def test_json_lines_come_back_as_json_lines(key: str) -> None:
    answer = send(
        key,
        b'{"tenure": 12, "contract": "Two year", "who": 7}\n'
        b"{\n"
        b'{"features": {"tenure": 1}, "who": "B"}\n',
        id_column="who",
        format="jsonl",
    )
    work(answer)
    got = result(key, answer)

    first, second, third = (json.loads(line) for line in got.body.decode().splitlines())
    assert got.headers["content-type"] == "application/jsonl"
    assert (first["row"], first["customer_id"], first["prediction"]) == (1, 7, 0)
    assert first["probability"] == pytest.approx(probability(12, -0.8))
    assert (second["row"], second["error"]["code"]) == (2, "validation_error")
    assert (third["customer_id"], third["error"]["message"]) == ("B", "contract is required")


def test_parquet_comes_back_as_json_lines(key: str, tmp_path: Any) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"tenure": [12, 900], "contract": ["Two year", "Two year"]})
    pq.write_table(table, tmp_path / "rows.parquet")

    answer = send(key, (tmp_path / "rows.parquet").read_bytes())
    outcome, _ = work(answer)

    assert (outcome.result["rows"], outcome.result["failed"]) == (2, 1)
    lines = [json.loads(line) for line in result(key, answer).body.decode().splitlines()]
    assert [line.get("prediction") for line in lines] == [0, None]


def test_a_version_can_be_named(key: str, version: ModelVersion) -> None:
    make_version(version.model, label="2.0")

    outcome, _ = work(send(key, version="2.0"))

    assert outcome.result["model_version"] == "2.0"


def test_the_version_that_is_meant_when_the_job_begins_scores_it_all(
    key: str, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "ROWS_AT_ONCE", 1)
    predict_rows, used = engine.predict_rows, []

    def promote_another() -> None:
        ModelVersion.objects.filter(pk=version.pk).update(stage=Stage.ARCHIVED)
        make_version(version.model, label="9", stage=Stage.PRODUCTION)
        changes.announce_change(MODELS_SCOPE + version.organization.public_id)
        known.forget()

    async def watch(actor: Actor, ask: Any) -> Any:
        if not used:
            await in_pool(promote_another)
        answered = await predict_rows(actor, ask)
        used.append(answered.version.label)
        return answered

    monkeypatch.setattr(engine, "predict_rows", watch)

    work(send(key))

    assert used == ["1.2.0"] * 4


def test_a_file_that_breaks_off_ends_its_job_with_the_place(key: str) -> None:
    answer = send(key, b"tenure,contract\n1,Two year\n" * 1 + b"2,Two year\n" * 2000 + b"\xff\n")
    outcome, _ = work(answer)

    assert outcome.error == {"code": "broken_file", "message": "Line 2003 is not UTF-8."}
    assert outcome.is_final
    assert StoredFile.objects.filter(purpose="jobs.result").count() == 0


@pytest.mark.parametrize(
    ("content", "words", "status", "error"),
    [
        (b"", {}, 422, "validation_error"),
        (b"\x80\x04\x95x", {}, 415, "unsupported_media_type"),
        (b"[1]", {}, 415, "unsupported_media_type"),
        (CSV, {"format": "jsonl"}, 415, "unsupported_media_type"),
        (CSV, {"format": "xlsx"}, 422, "validation_error"),
        (b"tenure,age\n", {}, 422, "broken_file"),
        (CSV, {"id_column": "nobody"}, 422, "broken_file"),
        (CSV, {"version": "7.7"}, 404, "version_not_found"),
        (CSV, {"colour": "red"}, 422, "validation_error"),
        (CSV, {"version": "x" * 201}, 422, "validation_error"),
    ],
)
def test_what_is_wrong_at_the_beginning_is_said_at_once(
    key: str, content: bytes, words: dict[str, str], status: int, error: str
) -> None:
    answer = send(key, content, **words)

    assert (answer.status, answer.error) == (status, error)
    assert (Job.objects.count(), StoredFile.objects.filter(purpose="models.batch").count()) == (
        0,
        0,
    )


def test_parquet_needs_what_reads_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches.parquet_rows, "is_installed", lambda: False)

    answer = send(key, b"PAR1....")

    assert (answer.status, answer.error) == (415, "runtime_missing")


def test_who_may(organization: Organization, other: Organization, version: ModelVersion) -> None:
    make_version(make_model(other, name="theirs"), stage=Stage.PRODUCTION)
    make_version(make_model(organization, name="unstaged"))
    viewer = log_in(make_member(organization, role=Role.VIEWER)).access
    caller = log_in(make_member(organization)).access
    bound = make_key(make_member(organization), models=["other-model"]).secret

    answers = [
        send(viewer),
        send(caller, path="/api/v1/models/theirs/batch"),
        send(caller, path="/api/v1/models/unstaged/batch"),
        send(bound),
    ]

    assert [(answer.status, answer.error) for answer in answers] == [
        (403, "permission_denied"),
        (404, "not_found"),
        (404, "no_production_version"),
        (404, "not_found"),
    ]


def test_a_file_of_somebody_else_is_not_found(
    organization: Organization, version: ModelVersion, key: str
) -> None:
    """The kind can be submitted by hand, naming any file."""
    stored = StoredFile.objects.get(
        public_id=Job.objects.get(public_id=send(key).json()["job_id"]).payload["file"]
    )
    stranger = log_in(make_member(organization)).access

    payload = {"model": "churn", "file": stored.public_id}
    answer = GateClient().post(
        "/api/v1/jobs", {"kind": "models.batch", "payload": payload}, key=stranger
    )
    outcome, _ = work(answer)

    assert (outcome.error["code"], outcome.is_final) == ("not_found", True)  # type: ignore[index]


def test_cancelling_stops_it_and_keeps_nothing(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "ROWS_AT_ONCE", 1)

    outcome, context = work(send(key), stop_after=2)

    assert (outcome.is_cancelled, context.job.message) == (True, "2 rows, 1 failed")
    assert StoredFile.objects.filter(purpose="jobs.result").count() == 0


def test_progress_goes_by_what_was_read(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "ROWS_AT_ONCE", 1)
    told: list[float] = []
    monkeypatch.setattr(
        RunContext, "progress", lambda self, percent, message="": told.append(percent)
    )

    work(send(key))

    sizes = [len(line) for line in CSV.splitlines(keepends=True)]
    expected = [100 * sum(sizes[: count + 2]) / len(CSV) for count in range(4)]
    assert told == pytest.approx(expected)


def test_a_model_that_is_away_for_a_moment_costs_no_rows(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "PAUSE_SECONDS", 0.001)
    predict_rows, calls = engine.predict_rows, []

    async def away_twice(actor: Actor, ask: Any) -> Any:
        calls.append(ask)
        if len(calls) < 3:
            raise Unavailable
        return await predict_rows(actor, ask)

    monkeypatch.setattr(engine, "predict_rows", away_twice)

    outcome, _ = work(send(key))

    assert (len(calls), outcome.result["rows"]) == (3, 4)


def test_a_model_that_stays_away_ends_the_attempt(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "PAUSE_SECONDS", 0.001)

    async def away(actor: Actor, ask: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(engine, "predict_rows", away)

    outcome, _ = work(send(key))

    assert (outcome.error["code"], outcome.is_final) == ("unavailable", False)  # type: ignore[index]


def test_a_file_is_scored_in_chunks(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    predict_rows, sizes = engine.predict_rows, []

    async def watch(actor: Actor, ask: Any) -> Any:
        sizes.append(len(ask.rows))
        return await predict_rows(actor, ask)

    monkeypatch.setattr(engine, "predict_rows", watch)

    outcome, _ = work(send(key, b"tenure,contract\n" + b"5,Two year\n" * 1200))

    assert (sizes, outcome.result["rows"]) == ([500, 500, 200], 1200)


def test_of_long_rows_fewer_are_held(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a megabyte, five hundred of them at once, are more memory than a worker has."""
    monkeypatch.setattr(filing, "TEXT_AT_ONCE", 100)
    predict_rows, sizes = engine.predict_rows, []

    async def watch(actor: Actor, ask: Any) -> Any:
        sizes.append(len(ask.rows))
        return await predict_rows(actor, ask)

    monkeypatch.setattr(engine, "predict_rows", watch)
    csv_row, json_row = b"5,Two year\n", b'{"tenure": 5, "contract": "Two year"}\n'

    work(send(key, b"tenure,contract\n" + csv_row * 15))
    work(send(key, json_row * 5))

    assert sizes == [10, 5, 3, 2]


def test_a_queue_that_is_full_keeps_no_file(key: str, settings: Any) -> None:
    settings.SIGNALBOX_JOB_QUEUE_LIMIT = 0

    answer = send(key)

    assert answer.status == 429
    assert StoredFile.objects.filter(purpose="models.batch").count() == 0


def test_a_file_that_is_gone_is_said(organization: Organization, key: str) -> None:
    answer = send(key)
    for stored in StoredFile.objects.filter(purpose="models.batch"):
        files.delete(stored)

    outcome, _ = work(answer)

    assert outcome.error["code"] == "not_found"  # type: ignore[index]


def test_who_sent_it_may_be_a_program(organization: Organization, version: ModelVersion) -> None:
    actor = actor_of(make_admin(organization))

    job = batches.submit_batch(actor=actor, name="churn", stream=io.BytesIO(CSV), file_name="a.csv")

    stored = StoredFile.objects.get(purpose="models.batch")
    assert (stored.name, stored.content_type, stored.subject) == (
        "a.csv", "text/csv", actor.principal,
    )  # fmt: skip
    assert job.payload == {
        "model": "churn",
        "file": stored.public_id,
        "version": None,
        "id_column": "",
    }
    assert job.kind == "models.batch"
