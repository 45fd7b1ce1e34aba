"""Large artefacts: a version at once, opened by a job, then ready or refused; and what they are told with it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from apps.core.actor import Actor
from apps.core.errors import Invalid, TimedOut, Unavailable
from apps.core.models import StoredFile
from apps.events.models import AuditEntry
from apps.jobs.models import Job
from apps.jobs.services import submissions
from apps.jobs.services.outcomes import Outcome, settle
from apps.jobs.worker.attempt import run_handler
from apps.jobs.worker.context import RunContext
from apps.models.adapters.trial import supervisor
from apps.models.enums import Stage
from apps.models.errors import NotReady, UnsafeArtifact
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.queries.artifacts import open_artifact
from apps.models.services import checking, stages, versions
from apps.models.services.versions import Published, Terms
from apps.tenants.models import Organization
from tests.factories.models import SCHEMA, card, make_model

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
ROW = {"tenure": 12, "contract": "One year"}


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LARGE_BYTES", 10)


@pytest.fixture
def churn(organization: Organization) -> RegisteredModel:
    return make_model(organization, name="churn")


def publish(actor: Actor, content: bytes | None = None, **terms: Any) -> Published:
    data = card() if content is None else content
    return versions.publish(
        actor=actor, name="churn", stream=BytesIO(data), terms=Terms(**terms), file_name="c.json"
    )


def work(published: Published) -> Outcome:
    """As a worker does."""
    assert published.job is not None
    return run_handler(RunContext(Job.objects.get(pk=published.job.pk)))


def again(published: Published) -> ModelVersion:
    return ModelVersion.objects.select_related("file").get(pk=published.version.pk)


def test_a_large_one_is_a_version_before_it_is_opened(churn: RegisteredModel, actor: Actor) -> None:
    published = publish(actor, label="1.0")
    version = published.version

    assert (version.label, version.number, version.status) == ("1.0", 1, "checking")
    assert (version.features, version.described, version.task) == ([], {}, "")
    assert published.job is not None
    assert (published.job.kind, published.job.payload, published.job.creator) == (
        "models.check", {"version": version.public_id}, actor.principal,
    )  # fmt: skip


@pytest.mark.parametrize("stage", [Stage.STAGING, Stage.PRODUCTION])
def test_it_cannot_be_promoted_until_then(
    churn: RegisteredModel, actor: Actor, stage: Stage
) -> None:
    publish(actor)

    with pytest.raises(NotReady):
        stages.set_stage(actor=actor, name="churn", tag="1", stage=stage)


def test_the_job_makes_it_ready(churn: RegisteredModel, actor: Actor) -> None:
    published = publish(actor, feature_schema=SCHEMA, input_example=ROW, background=[ROW])

    outcome = work(published)

    version = again(published)
    assert outcome.error is None
    assert outcome.result == {"version": "1", "status": "ready", "refusal": None}
    assert (version.status, version.task, version.revision) == ("ready", "classification", 2)
    assert list(version.feature_schema.items()) == list(SCHEMA.items())
    assert version.background == [[12, "One year"]]
    assert version.described["format"] == "scorecard"
    entry = AuditEntry.objects.get(action="models.version.checked")
    assert (entry.before, entry.after) == (
        {"status": "checking"},
        {"version": "1", "status": "ready", "refusal": None},
    )
    with open_artifact(version) as file:
        assert file.read() == card()


def test_what_is_found_wanting_is_refused_and_its_bytes_end(
    churn: RegisteredModel, actor: Actor
) -> None:
    published = publish(actor, b'{"type": "logistic", "intercept": 1}')

    outcome = work(published)

    version = again(published)
    assert (version.status, version.refusal["code"]) == ("refused", "broken_artifact")
    assert outcome.result["refusal"] == version.refusal
    assert list(StoredFile.objects.values_list("size", "name")) == [(0, "c.json")]
    with pytest.raises(NotReady):
        stages.set_stage(actor=actor, name="churn", tag="1", stage=Stage.PRODUCTION)


def test_rows_that_do_not_fit_what_was_found_refuse_it(
    churn: RegisteredModel, actor: Actor
) -> None:
    """Without a schema there was nothing to compare them with before."""
    published = publish(actor, background=[{"tenure": 1, "contract": "Two year"}, {"tenure": "x"}])

    work(published)

    assert again(published).refusal == {
        "code": "validation_error",
        "message": "background.1.tenure: must be a number",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [(TimedOut("slow", code="trial_timeout"), "trial_timeout"), (UnsafeArtifact("x"), "unsafe_artifact")],
)  # fmt: skip
def test_what_the_child_refuses_refuses_the_version(
    churn: RegisteredModel,
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
) -> None:
    given: list[float] = []

    def refuse(file: Any, *, seconds: float) -> Any:
        given.append(seconds)
        raise error

    monkeypatch.setattr(supervisor, "try_artifact", refuse)
    published = publish(actor)

    work(published)

    assert again(published).refusal["code"] == code
    assert given == [checking.SECONDS]


def test_one_that_cannot_be_opened_at_present_is_tried_again(
    churn: RegisteredModel, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(actor)
    with monkeypatch.context() as patch:

        def busy(file: Any, **terms: Any) -> Any:
            raise Unavailable(code="overloaded")

        patch.setattr(supervisor, "try_artifact", busy)
        first = work(published)
        between = again(published).status
    second = work(published)

    assert (first.error["code"], first.is_final, between) == ("overloaded", False, "checking")
    assert second.result["status"] == "ready"


def test_a_second_run_changes_nothing(churn: RegisteredModel, actor: Actor) -> None:
    """A worker that died after it had written is followed by another."""
    published = publish(actor)
    first = work(published)
    second = work(published)

    assert first.result == second.result
    assert again(published).revision == 2
    assert AuditEntry.objects.filter(action="models.version.checked").count() == 1


def test_a_version_that_is_gone_is_nothing_to_open(churn: RegisteredModel, actor: Actor) -> None:
    published = publish(actor)
    versions.remove_version(actor=actor, name="churn", tag="1")

    assert work(published).result == {"version": None, "status": "removed", "refusal": None}


def test_a_job_that_is_given_up_refuses_the_version(churn: RegisteredModel, actor: Actor) -> None:
    published = publish(actor)
    assert published.job is not None
    Job.objects.filter(pk=published.job.pk).update(state="running", claim=1, attempts=3)
    job = Job.objects.get(pk=published.job.pk)

    settle([Outcome(job, error={"code": "lost", "message": "Its worker died."}, is_final=True)])

    assert (again(published).status, again(published).refusal) == (
        "refused", {"code": "lost", "message": "Its worker died."},
    )  # fmt: skip


def test_a_job_that_is_cancelled_refuses_the_version(churn: RegisteredModel, actor: Actor) -> None:
    published = publish(actor)
    assert published.job is not None

    submissions.cancel_job(actor=actor, job_id=published.job.public_id)

    assert again(published).refusal == {
        "code": "cancelled",
        "message": "Opening it was cancelled.",
    }


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"background": [ROW] * 201}, "background"),
        ({"background": [7]}, "background.0"),
        ({"background": [ROW, {"tenure": 101, "contract": "x"}], "feature_schema": SCHEMA}, "background.1.tenure"),
        ({"input_example": {"tenure": 1}, "feature_schema": SCHEMA}, "input_example.contract"),
    ],
)  # fmt: skip
def test_what_can_be_judged_at_once_is(
    churn: RegisteredModel, actor: Actor, terms: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        publish(actor, **terms)

    assert refused.value.fields[0].field == field
    assert (ModelVersion.objects.count(), Job.objects.count()) == (0, 0)


def test_background_rows_of_a_small_one_are_checked_at_once(
    churn: RegisteredModel, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "LARGE_BYTES", 10_000)
    published = publish(actor, background=[{"contract": "Two year", "tenure": 3}])

    assert (published.job, published.version.status) == (None, "ready")
    assert published.version.background == [[3.0, "Two year"]]
    with pytest.raises(Invalid) as refused:
        publish(actor, background=[{"contract": "Two year"}])
    assert refused.value.fields[0].field == "background.0.tenure"
