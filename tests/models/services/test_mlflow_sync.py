"""Following another's registry: a version fetched once, published, and named here as it is named there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from apps.approvals.models import ApprovalRequest
from apps.approvals.services import policies
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, PermissionDenied, Stale
from apps.core.files import files
from apps.core.http_client.client import close_session
from apps.core.http_client.loop import call_from_thread
from apps.core.models import StoredFile
from apps.core.tenancy import organization_scope, unscoped
from apps.events.models import AuditEntry
from apps.jobs.domain.kinds import handler_of
from apps.jobs.domain.schedule import scheduled_named
from apps.jobs.models import Job
from apps.jobs.worker.context import RunContext
from apps.models.adapters.mlflow.client import Client
from apps.models.enums import SourceAuth, Stage
from apps.models.errors import NameTaken
from apps.models.models import MlflowSource, ModelVersion
from apps.models.queries import registry as models
from apps.models.services import mlflow_sync, registry, sources
from apps.tenants.models import Membership, Organization
from tests.factories.artifacts import onnx
from tests.factories.tenants import actor_of, make_admin, make_member
from tests.fakes.mlflow import FakeMlflow, mlmodel, running_mlflow

CHAMPION = {"model": "Churn", "alias": "champion", "as": "churn"}
FILES = {"MLmodel": mlmodel("onnx", data="model.onnx"), "model.onnx": onnx()}
SECRET = "dapi-0123456789abcdef"


@pytest.fixture
def remote(settings: Any) -> Iterator[FakeMlflow]:
    with running_mlflow() as fake:
        settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({urlsplit(fake.url).netloc})
        fake.add("Churn", "7", FILES, alias="champion")
        yield fake
    call_from_thread(close_session())


def make_source(actor: Actor, remote: FakeMlflow, **values: Any) -> MlflowSource:
    return sources.create_source(
        actor=actor, **{"name": "lab", "url": remote.url, "follows": [CHAMPION], **values}
    )


def sync(source: MlflowSource, actor: Actor | None = None) -> list[dict[str, Any]]:
    steps: list[str] = []
    found = mlflow_sync.sync(actor=actor, source_id=source.public_id, step=steps.append)
    assert found["error"] == ""
    return list(found["outcomes"])


def told(outcomes: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["state"], each["remote_version"], each["version"]) for each in outcomes]


def test_what_is_named_there_is_fetched_once_and_named_here(
    remote: FakeMlflow, actor: Actor
) -> None:
    source = make_source(actor, remote)

    assert told(sync(source)) == [("moved", "7", "mlflow-7")]
    asked = list(remote.asked)
    assert told(sync(source)) == [("current", "7", "mlflow-7")]
    assert remote.asked[len(asked) :] == ["/api/2.0/mlflow/registered-models/alias"]

    version = models.version(actor=actor, name="churn", tag="@champion")
    assert (version.label, version.format, version.lineage, version.description) == (
        "mlflow-7", "onnx", {"run_id": "cff5c1b4f65848d59735238dac285524"}, "As it was logged",
    )  # fmt: skip
    assert version.origin == {"source": source.public_id, "model": "Churn", "version": "7"}
    assert version.feature_schema == {"tenure": {"type": "number"}, "charges": {"type": "number"}}
    with files.open(version.file) as file:
        assert file.read() == FILES["model.onnx"]


def test_another_version_there_is_another_here(remote: FakeMlflow, actor: Actor) -> None:
    source = make_source(actor, remote)
    sync(source)
    remote.add("Churn", "8", {**FILES, "model.onnx": onnx(graph=b"")}, alias="champion")
    remote.tags = {"signalbox.version": "2.0.0", "team": "lab"}

    assert told(sync(source)) == [("moved", "8", "2.0.0")]
    assert models.version(actor=actor, name="churn", tag="@champion").tags["team"] == "lab"
    remote.aliases["Churn", "champion"] = "7"
    assert told(sync(source)) == [("moved", "7", "mlflow-7")]
    assert ModelVersion.objects.count() == 2


def test_a_stage_is_followed(remote: FakeMlflow, actor: Actor) -> None:
    remote.stages["Churn", "Production"] = "7"
    follow = {"model": "Churn", "stage": "Production", "as": "churn"}
    source = make_source(actor, remote, follows=[follow])

    assert told(sync(source)) == [("moved", "7", "mlflow-7")]
    version = models.version(actor=actor, name="churn", tag="production")
    assert version.stage == Stage.PRODUCTION


def test_people_are_asked_once_where_a_policy_says_so(remote: FakeMlflow, actor: Actor) -> None:
    policies.create_policy(actor=actor, name="p", kind="model.promotion")
    source = make_source(actor, remote)

    (first,) = sync(source)
    approval = ApprovalRequest.objects.get()
    assert (first["state"], first["approval_id"]) == ("waiting", approval.public_id)
    assert told(sync(source)) == [("waiting", "7", "mlflow-7")]
    assert ApprovalRequest.objects.count() == 1
    with pytest.raises(NotFound):
        models.version(actor=actor, name="churn", tag="@champion")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "The server answered 404: No such artifact: 'Churn/9/artifacts/MLmodel'"),
        (
            {"MLmodel": mlmodel("sklearn", pickled_model="model.pkl", serialization_format="cloudpickle")},
            "The file is a scikit-learn model kept as cloudpickle, which runs code when it is opened; log it with serialization_format='skops'.",
        ),
        (
            {"MLmodel": mlmodel("pytorch", data="model.pth")},
            "The file has the flavors python_function, pytorch, and we serve onnx, xgboost, lightgbm and skops.",
        ),
        (
            {"MLmodel": mlmodel("onnx", data="../../secret")},
            "The file names a path that leads elsewhere.",
        ),
        ({"MLmodel": b"a: &a [1]\nb: *a\n"}, "The file MLmodel has aliases."),
        ({"MLmodel": b"\x00\xff: ["}, "The file MLmodel is no YAML."),
        (
            {"MLmodel": mlmodel("onnx", data="model.onnx"), "model.onnx": b"\x80\x04\x95abc."},
            "The file is a pickle.",
        ),
        (
            {"MLmodel": mlmodel("onnx", data="model.onnx")},
            "The server answered 404: No such artifact: 'Churn/9/artifacts/model.onnx'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_told_and_leaves_nothing(
    files: dict[str, bytes], message: str, remote: FakeMlflow, actor: Actor
) -> None:
    source = make_source(actor, remote)
    sync(source)
    kept = StoredFile.objects.count()
    remote.add("Churn", "9", files, alias="champion")
    remote.add("Other", "1", FILES, alias="champion")
    follows = [CHAMPION, {"model": "Other", "alias": "champion", "as": "other"}]
    sources.change_source(actor=actor, source_id=source.public_id, follows=follows)

    bad, good = sync(source)

    assert (bad["state"], bad["message"]) == ("failed", message)
    assert told([good]) == [("moved", "1", "mlflow-1")]
    assert (ModelVersion.objects.count(), StoredFile.objects.count()) == (2, kept + 1)
    assert models.version(actor=actor, name="churn", tag="@champion").label == "mlflow-7"


@pytest.mark.parametrize("place", ["s3://bucket", "file:///etc", "https://elsewhere.example/api/2.0/mlflow-artifacts/artifacts", "mlflow-artifacts://elsewhere.example"])  # fmt: skip
def test_files_are_fetched_from_the_server_alone(
    place: str, remote: FakeMlflow, actor: Actor
) -> None:
    remote.place = place

    (outcome,) = sync(make_source(actor, remote))

    assert outcome["state"] == "failed"
    assert outcome["message"].endswith("it must proxy them (--serve-artifacts).")


@pytest.mark.parametrize("place", ["mlflow-artifacts:/1/../../secrets", "mlflow-artifacts:/."])
def test_files_that_lie_elsewhere_on_the_server_are_not_asked_for(
    place: str, remote: FakeMlflow, actor: Actor
) -> None:
    remote.place = place

    (outcome,) = sync(make_source(actor, remote))

    assert outcome["message"] == "Its files lie at an address that leads elsewhere."


def test_a_description_that_cannot_be_kept_keeps_no_version_out(
    remote: FakeMlflow, actor: Actor
) -> None:
    remote.description = "Better\x00"

    outcomes = sync(make_source(actor, remote))

    assert told(outcomes) == [("moved", "7", "mlflow-7")]
    assert models.version(actor=actor, name="churn", tag="@champion").description == ""


@pytest.mark.parametrize("auth", ["bearer", "basic"])
def test_a_credential_that_comes_back_is_not_told(auth: str) -> None:
    client = Client("https://mlflow.example.com", SourceAuth(auth), "someone", SECRET)
    sent = client._headers()["Authorization"]

    refusal = client._refusal(403, json.dumps({"message": f"{sent} {SECRET} is wrong"}).encode())

    word = sent.partition(" ")[0]
    assert str(refusal.message) == f"The server answered 403: {word} … … is wrong"


@pytest.mark.parametrize(
    ("auth", "username", "sent"),
    [("bearer", "", f"Bearer {SECRET}"), ("basic", "someone", "Basic ")],
)
def test_the_credential_is_sent_and_never_told(
    auth: str, username: str, sent: str, remote: FakeMlflow, actor: Actor
) -> None:
    remote.token = SECRET
    source = make_source(actor, remote, auth=auth, username=username, credential=SECRET)
    assert told(sync(source)) == [("moved", "7", "mlflow-7")]
    assert remote.seen[0].startswith(sent)

    remote.token = "another"
    (outcome,) = sync(source)
    assert outcome["state"] == "failed"
    assert "UNAUTH" not in outcome["message"]
    kept = MlflowSource.objects.get()
    assert SECRET not in str(
        [outcome, kept.outcomes, *AuditEntry.objects.values("before", "after")]
    )
    assert kept.credential_hint == "cdef"


def test_a_server_that_fails_is_told_and_asked_again(remote: FakeMlflow, actor: Actor) -> None:
    source = make_source(actor, remote)
    remote.status = 500
    (outcome,) = sync(source)
    assert (outcome["state"], outcome["message"]) == ("failed", "The server answered 500.")

    remote.status = 0
    assert told(sync(source)) == [("moved", "7", "mlflow-7")]


def test_another_address_drops_the_credential(remote: FakeMlflow, actor: Actor) -> None:
    source = make_source(actor, remote, auth="bearer", credential=SECRET)

    with pytest.raises(Invalid, match="credential"):
        sources.change_source(actor=actor, source_id=source.public_id, url="https://a.example")
    changed = sources.change_source(actor=actor, source_id=source.public_id, url="https://a.example", auth="none")  # fmt: skip

    assert (changed.credential, changed.credential_hint) == ("", "")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "http://127.0.0.1:1"}, "url"),
        ({"url": "https://a.example/?x=1"}, "url"),
        ({"url": "ftp://a.example"}, "url"),
        ({"url": "https://u:p@a.example"}, "url"),
        ({"auth": "digest"}, "auth"),
        ({"auth": "bearer"}, "credential"),
        ({"auth": "bearer", "credential": "a b"}, "credential"),
        ({"auth": "basic", "username": "a:b", "credential": "x"}, "username"),
        ({"every_seconds": 59}, "every_seconds"),
        ({"every_seconds": 604_801}, "every_seconds"),
        ({"name": ""}, "name"),
        ({"follows": {}}, "follows"),
        ({"follows": ["a"]}, "follows.0"),
        ({"follows": [{"alias": "a"}]}, "follows.0.model"),
        ({"follows": [{"model": "m"}]}, "follows.0.alias"),
        ({"follows": [{"model": "m", "alias": "a", "stage": "Production"}]}, "follows.0.alias"),
        ({"follows": [{"model": "m", "stage": "Archived"}]}, "follows.0.stage"),
        ({"follows": [{"model": "m", "alias": "latest"}]}, "follows.0.alias"),
        ({"follows": [{"model": "My model", "alias": "a"}]}, "follows.0.as"),
        ({"follows": [{"model": "m", "alias": "a", "x": 1}]}, "follows.0.x"),
        ({"follows": [CHAMPION, {**CHAMPION, "model": "b"}]}, "follows.1"),
    ],
)
def test_a_wrong_term_is_named(
    values: dict[str, Any], field: str, actor: Actor, organization: Organization
) -> None:
    given = {"name": "lab", "url": "https://mlflow.example", "follows": [CHAMPION], **values}

    with pytest.raises(Invalid) as caught:
        sources.create_source(actor=actor, **given)

    assert [each.field for each in caught.value.fields] == [field]
    assert MlflowSource.objects.count() == 0


def test_sources_are_made_changed_and_removed_on_the_record(
    remote: FakeMlflow, actor: Actor
) -> None:
    source = make_source(actor, remote)
    with pytest.raises(NameTaken):
        make_source(actor, remote)
    with pytest.raises(Stale):
        sources.change_source(
            actor=actor, source_id=source.public_id, expected_revision=9, name="x"
        )
    sources.change_source(actor=actor, source_id=source.public_id, expected_revision=1, name="lab2")
    sync(source)
    sources.remove_source(actor=actor, source_id=source.public_id, expected_revision=2)

    actions = AuditEntry.objects.filter(action__startswith="models.source").order_by("pk")
    assert list(actions.values_list("action", "object_name")) == [
        ("models.source.created", "lab"),
        ("models.source.changed", "lab2"),
        ("models.source.synced", "lab2"),
        ("models.source.removed", "lab2"),
    ]
    assert ModelVersion.objects.count() == 1


def test_administrators_alone_say_what_is_followed(
    remote: FakeMlflow, actor: Actor, organization: Organization
) -> None:
    source = make_source(actor, remote)
    user = actor_of(make_member(organization))

    for deed in (
        lambda: make_source(user, remote, name="b"),
        lambda: sources.change_source(actor=user, source_id=source.public_id, name="b"),
        lambda: sources.remove_source(actor=user, source_id=source.public_id),
        lambda: sources.sync_source(actor=user, source_id=source.public_id),
    ):
        with pytest.raises(PermissionDenied):
            deed()


def test_nobody_s_source_does_nothing_and_says_so(remote: FakeMlflow, actor: Actor) -> None:
    source = make_source(actor, remote)
    with unscoped(reason="the test removes a person"):
        Membership.objects.filter(user_id=actor.user_id).delete()

    found = mlflow_sync.sync(actor=None, source_id=source.public_id, step=lambda name: None)

    assert found == {"outcomes": [], "error": mlflow_sync.NO_OWNER}
    assert (ModelVersion.objects.count(), remote.asked) == (0, [])


def test_what_is_due_is_enqueued_once(
    remote: FakeMlflow, actor: Actor, other: Organization
) -> None:
    now = timezone.now()
    source = make_source(actor, remote, every_seconds=600)
    make_source(actor, remote, name="off", is_enabled=False)
    with organization_scope(other.pk):
        make_source(actor_of(make_admin(other)), remote)

    with unscoped(reason="the schedule is the house's own"):
        assert sources.enqueue_due(now + timedelta(seconds=1)) == 2
        assert sources.enqueue_due(now + timedelta(seconds=2)) == 0
        assert sources.enqueue_due(now + timedelta(seconds=700)) == 1
    job = Job.objects.get()
    assert (job.kind, job.payload) == ("models.mlflow_sync", {"source": source.public_id})
    assert sources.sync_source(actor=actor, source_id=source.public_id) == job


def test_whoever_looks_now_puts_the_schedule_off(remote: FakeMlflow, actor: Actor) -> None:
    source = make_source(actor, remote, every_seconds=600)

    job = sources.sync_source(actor=actor, source_id=source.public_id)

    now = timezone.now()
    with unscoped(reason="the schedule is the house's own"):
        assert sources.enqueue_due(now + timedelta(seconds=590)) == 0
    assert (Job.objects.get(), job.creator) == (job, actor.principal)


def test_the_schedule_and_a_worker_do_it(remote: FakeMlflow, actor: Actor) -> None:
    source = make_source(actor, remote)
    scheduled, handler = scheduled_named("models.mlflow_sources"), handler_of("models.mlflow_sync")
    assert scheduled is not None
    assert handler is not None
    with unscoped(reason="the schedule is the house's own"):
        scheduled.tick(timezone.now())
    job = Job.objects.get()

    result = handler(RunContext(job), sources.SyncPayload(**job.payload))

    assert result == {"outcomes": MlflowSource.objects.get().outcomes, "error": ""}
    assert told(result["outcomes"]) == [("moved", "7", "mlflow-7")]
    assert [step["name"] for step in job.steps] == ["Following churn@champion"]
    assert source.owner_id == actor.user_id


def test_a_copy_of_theirs_goes_where_ours_is(remote: FakeMlflow, actor: Actor) -> None:
    """A model that is here already gets the version beside its own."""
    registry.register_model(actor=actor, name="churn", description="Ours")

    sync(make_source(actor, remote))

    assert models.model(actor=actor, name="churn").description == "Ours"
