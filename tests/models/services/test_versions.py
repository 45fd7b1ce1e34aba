"""Publishing versions: kept, opened, described, numbered; and refused without a trace."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from apps.core.actor import Actor, Role
from apps.core.errors import Invalid, NoRoom, NotFound, PermissionDenied, Stale
from apps.core.files import files, storage
from apps.core.models import StoredFile
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
from apps.models.adapters.trial import supervisor
from apps.models.enums import Stage
from apps.models.errors import (
    AliasInUse,
    ArtifactChanged,
    BrokenArtifact,
    InProduction,
    NameTaken,
    RuntimeMissing,
    UnsafeArtifact,
)
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.queries import registry as queries
from apps.models.queries.artifacts import open_artifact
from apps.models.services import registry, versions
from apps.models.services.versions import Terms, publish_version
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.models import SCHEMA, card, make_model, make_version
from tests.factories.tenants import actor_of, make_admin, make_organization


def publish(actor: Actor, content: bytes | None = None, **terms: Any) -> ModelVersion:
    data = card() if content is None else content
    return publish_version(
        actor=actor,
        name="churn",
        stream=BytesIO(data),
        terms=Terms(**terms),
        file_name="../../churn.pkl",
    )


def bytes_kept(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


@pytest.fixture
def churn(organization: Organization) -> RegisteredModel:
    return make_model(organization, name="churn")


def test_publish_version_keeps_everything_it_is_told(
    churn: RegisteredModel, actor: Actor, tmp_path: Path
) -> None:
    version = publish(
        actor,
        label="1.2.0",
        feature_schema=SCHEMA,
        metrics={"accuracy": 0.85},
        input_example={"tenure": 12, "contract": "One year"},
        lineage={"commit": "9f3c0d1"},
        description="first\nof all",
        tags={"team": "retention"},
    )

    assert (version.number, version.label, version.stage, version.status) == (
        1, "1.2.0", "None", "ready",
    )  # fmt: skip
    assert (version.format, version.task, version.size) == (
        "scorecard", "classification", len(card()),
    )  # fmt: skip
    assert list(version.feature_schema.items()) == list(SCHEMA.items())
    assert version.file.name == "churn.pkl"
    with open_artifact(version) as file:
        assert file.read() == card()
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.after["version"], entry.after["digest"]) == (
        "models.version.created", "1.2.0", version.digest,
    )  # fmt: skip
    assert len(bytes_kept(tmp_path)) == 1


def test_the_schema_is_inferred_where_none_is_given(churn: RegisteredModel, actor: Actor) -> None:
    assert publish(actor).feature_schema == {
        "tenure": {"type": "number"},
        "contract": {"type": "string", "enum": ["Month-to-month", "Two year"]},
    }


def test_numbers_are_given_once(churn: RegisteredModel, actor: Actor) -> None:
    first, second = publish(actor), publish(actor, label="2")
    versions.remove_version(actor=actor, name="churn", tag="2")
    third = publish(actor)

    assert (first.number, second.number, third.number) == (1, 2, 3)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"label": "a/b"}, "version"),
        ({"label": "../1"}, "version"),
        ({"label": "latest"}, "version"),
        ({"label": "7"}, "version"),
        ({"metrics": {"a": float("nan")}}, "metrics.a"),
        ({"metrics": [1]}, "metrics"),
        ({"lineage": {"author": "x"}}, "lineage.author"),
        ({"tags": {"a": 1}}, "tags.a"),
        ({"description": "a\u202e"}, "description"),
        ({"feature_schema": {"tenure": {"type": "integer"}}}, "feature_schema.contract"),
        ({"input_example": {"tenure": 1}}, "input_example.contract"),
    ],
)
def test_wrong_terms_leave_nothing(
    churn: RegisteredModel, actor: Actor, terms: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        publish(actor, **terms)

    assert [each.field for each in refused.value.fields] == [field]
    assert (ModelVersion.objects.count(), StoredFile.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"\x80\x04\x95", UnsafeArtifact),
        (b'{"type": "linear"}', BrokenArtifact),
        (b"{" + b'"a":' * 3, BrokenArtifact),
    ],
)
def test_refused_bytes_leave_nothing(
    churn: RegisteredModel, actor: Actor, content: bytes, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        publish(actor, content)

    assert (ModelVersion.objects.count(), StoredFile.objects.count()) == (0, 0)
    assert RegisteredModel.objects.get().last_number == 0


def test_a_label_that_is_taken_is_a_conflict(churn: RegisteredModel, actor: Actor) -> None:
    publish(actor, label="1.0")

    with pytest.raises(NameTaken):
        publish(actor, label="1.0")

    assert StoredFile.objects.count() == 1


def test_a_full_disk_leaves_nothing(
    churn: RegisteredModel, actor: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(draft: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)

    with pytest.raises(NoRoom):
        publish(actor)

    assert (ModelVersion.objects.count(), StoredFile.objects.count()) == (0, 0)
    assert bytes_kept(tmp_path) == []


def test_a_missing_runtime_is_said(
    churn: RegisteredModel, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(file: Any, **terms: Any) -> Any:
        raise RuntimeMissing("needs onnxruntime, which is not installed (onnxruntime)")

    monkeypatch.setattr(supervisor, "try_artifact", missing)

    with pytest.raises(RuntimeMissing) as refused:
        publish(actor)

    assert refused.value.code == "runtime_missing"
    assert StoredFile.objects.count() == 0


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://169.254.169.254/latest", "file:///etc/passwd"]
)
def test_a_remote_model_within_is_refused(churn: RegisteredModel, actor: Actor, url: str) -> None:
    content = f'{{"type": "remote", "protocol": "mlflow", "url": "{url}"}}'.encode()

    with pytest.raises(Invalid) as refused:
        publish(actor, content, feature_schema=SCHEMA)

    assert [each.field for each in refused.value.fields] == ["file.url"]


def test_a_remote_model_needs_a_schema(churn: RegisteredModel, actor: Actor) -> None:
    content = b'{"type": "remote", "protocol": "mlflow", "url": "https://example.com/invocations"}'

    with pytest.raises(Invalid) as refused:
        publish(actor, content)
    made = publish(actor, content, feature_schema=SCHEMA)

    assert [each.field for each in refused.value.fields] == ["feature_schema"]
    assert (made.format, made.described["details"]["url"]) == (
        "remote", "https://example.com/invocations",
    )  # fmt: skip


def test_one_flipped_bit_is_refused(churn: RegisteredModel, tmp_path: Path) -> None:
    version = queries.whole_versions().get(pk=make_version(churn).pk)
    (path,) = bytes_kept(tmp_path)
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)

    with pytest.raises(ArtifactChanged):
        open_artifact(version)


def test_a_file_that_grew_or_shrank_is_refused(churn: RegisteredModel, tmp_path: Path) -> None:
    version = queries.whole_versions().get(pk=make_version(churn).pk)
    (path,) = bytes_kept(tmp_path)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ArtifactChanged):
        open_artifact(version)


def test_equal_bytes_are_kept_once_and_outlive_one_of_their_versions(
    churn: RegisteredModel, actor: Actor, tmp_path: Path
) -> None:
    publish(actor)
    second = publish(actor)
    versions.remove_version(actor=actor, name="churn", tag="1")

    assert len(bytes_kept(tmp_path)) == 1
    with open_artifact(second) as file:
        assert file.read() == card()


def test_change_version_changes_what_is_said(churn: RegisteredModel, actor: Actor) -> None:
    make_version(churn)

    changed = versions.change_version(
        actor=actor,
        name="churn",
        tag="1",
        metrics={"f1": 0.5},
        tags={"a": "b"},
        expected_revision=1,
    )

    assert (changed.metrics, changed.tags, changed.revision) == ({"f1": 0.5}, {"a": "b"}, 2)
    with pytest.raises(Stale):
        versions.change_version(
            actor=actor, name="churn", tag="1", description="x", expected_revision=1
        )


def test_what_serves_or_has_an_alias_is_not_removed(churn: RegisteredModel, actor: Actor) -> None:
    make_version(churn, stage=Stage.PRODUCTION)
    make_version(churn, alias="champion")

    with pytest.raises(InProduction):
        versions.remove_version(actor=actor, name="churn", tag="1")
    with pytest.raises(AliasInUse):
        versions.remove_version(actor=actor, name="churn", tag="2")
    with pytest.raises(InProduction):
        registry.remove_model(actor=actor, name="churn")

    assert ModelVersion.objects.count() == 2


def test_remove_model_ends_its_files(churn: RegisteredModel, actor: Actor) -> None:
    make_version(churn)
    make_version(churn, alias="champion")

    registry.remove_model(actor=actor, name="churn")

    assert (RegisteredModel.objects.count(), StoredFile.objects.count()) == (0, 0)


def test_a_viewer_publishes_nothing(churn: RegisteredModel, organization: Organization) -> None:
    viewer = make_actor(organization, role=Role.VIEWER)

    with pytest.raises(PermissionDenied):
        publish(viewer)


def test_a_model_of_others_is_not_there(actor: Actor, other: Organization) -> None:
    make_model(other, name="churn")

    with pytest.raises(NotFound):
        publish(actor)


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_holes_under_a_race(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_organization()
    admin = make_admin(place)
    with organization_scope(place.pk):
        actor = actor_of(admin)
    make_model(place, name="churn")
    found = supervisor.try_artifact(BytesIO(card()))
    monkeypatch.setattr(supervisor, "try_artifact", lambda file, **terms: found)
    failed: list[BaseException] = []

    def one(number: int) -> Callable[[], None]:
        def run() -> None:
            try:
                with organization_scope(place.pk):
                    publish(actor, card(intercept=float(number)))
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()

        return run

    threads = [threading.Thread(target=one(number)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with organization_scope(place.pk):
        numbers = sorted(ModelVersion.objects.values_list("number", flat=True))
    assert (failed, numbers) == ([], [1, 2, 3, 4, 5, 6])


def test_files_are_kept_for_this_purpose_alone(churn: RegisteredModel, actor: Actor) -> None:
    version = publish(actor)

    with pytest.raises(NotFound):
        files.find(file_id=version.file.public_id, purpose="conversation")
