"""The pages of models: list, versions, aliases, an upload, a promotion, two versions side by side."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.models.models import ModelVersion, RegisteredModel
from tests.factories.console import (
    CSRF,
    cells,
    errors,
    notices,
    page,
    row_labels,
    title,
    toasts,
)
from tests.factories.models import card, make_model, make_version
from tests.factories.parts import multipart, part
from tests.factories.predictions import make_prediction

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def files_apart(settings, tmp_path):
    settings.SIGNALBOX_DATA_DIR = tmp_path


@pytest.fixture
def churn(organization):
    model = make_model(organization, name="churn", description="Who leaves")
    make_version(model, label="1.0", stage="Production", metrics={"accuracy": 0.85})
    make_version(model, label="1.1", alias="challenger", metrics={"accuracy": 0.87, "f1": 0.5})
    return model


def upload(visitor, content, **fields):
    """As a browser sends the form of a version."""
    said = {"csrfmiddlewaretoken": CSRF, **fields}
    parts = [part(value.encode(), name=name, filename=None) for name, value in said.items()]
    sent = multipart(*parts, part(content, filename="card.json"))
    return visitor.client.post(
        "/console/models/churn/versions/new", cookies=visitor.cookies, **sent
    )


def dialogs(answer):
    return re.findall(r'<dialog class="dialog" id="([\w-]+)"', page(answer))


def stages():
    return dict(ModelVersion.objects.values_list("label", "stage"))


def test_list_shows_ours_by_name(at_viewer, churn, organization, stranger):
    make_model(organization, name="aaa")
    make_model(stranger.organization, name="theirs")

    answer = at_viewer.get("/console/models")

    assert row_labels(answer) == ["aaa", "churn"]
    assert "challenger → 1.1" in page(answer)
    assert "Who leaves" in page(answer)


def test_list_shows_what_each_does(at_viewer, churn, organization, stranger):
    refusal = {"code": "unsafe_artifact", "message": "The file is a pickle."}
    make_version(churn, label="1.2", status="refused", refusal=refusal)
    make_model(organization, name="idle")
    live = churn.versions.get(label="1.0")
    make_prediction(live, at=timezone.now())
    make_prediction(live, at=timezone.now() - timedelta(days=2))
    theirs = make_version(make_model(stranger.organization, name="churn"), stage="Production")
    make_prediction(theirs, at=timezone.now())

    answer = at_viewer.get("/console/models")

    assert cells(answer, churn.public_id)[1:4] == ["Refused", "1.0", "1"]
    idle = RegisteredModel.objects.get(name="idle").public_id
    assert cells(answer, idle)[1:5] == ["Not in production", "–", "0", "–"]


def test_version_that_is_refused_says_why_and_offers_no_promotion(at_user, churn):
    refusal = {"code": "unsafe_artifact", "message": "The file is a pickle."}
    make_version(churn, label="1.2", status="refused", refusal=refusal)

    answer = at_user.get("/console/models/churn/versions/1.2")

    assert notices(answer) == ["The file is a pickle."]
    assert dialogs(answer)[:2] == ["to-archived-3", "remove-version"]


def test_an_empty_list_says_what_to_do(at_user, organization):
    assert "Register the first model" in page(at_user.get("/console/models"))


def test_page_shows_versions_newest_first(at_viewer, churn):
    answer = at_viewer.get("/console/models/churn")

    assert title(answer) == "churn"
    assert row_labels(answer) == ["1.1", "1.0"]
    assert "accuracy 0.87" in page(answer)
    assert "/console/models/churn/compare?from=1&to=2" in page(answer)
    assert "Upload a version" not in page(answer)


def test_version_shows_its_features_and_asks_before_it_moves(at_user, churn):
    answer = at_user.get("/console/models/churn/versions/1.1")

    assert re.findall(r'id="features-(\w+)"', page(answer))[1:] == ["tenure", "contract"]
    assert "Calls of churn are answered by 1.1 from then on. 1.0 is archived." in page(answer)
    assert dialogs(answer)[:4] == [
        "to-production-2", "to-staging-2", "to-archived-2", "remove-version",
    ]  # fmt: skip


def test_version_is_tried_from_its_page(at_user, at_viewer, churn):
    link = 'href="/console/models/churn/try?version=1.1"'

    assert link in page(at_user.get("/console/models/churn/versions/1.1"))
    assert link not in page(at_viewer.get("/console/models/churn/versions/1.1"))


def test_register_and_upload(at_user, organization):
    made = at_user.post("/console/models/new", {"name": "fresh", "description": "a\r\nb"})
    make_model(organization, name="churn")
    uploaded = upload(at_user, card(), version="1.2.0", metrics='{"accuracy": 0.9}')

    version = ModelVersion.objects.get()
    assert made.headers["location"] == "/console/models/fresh"
    assert RegisteredModel.objects.get(name="fresh").description == "a\nb"
    assert uploaded.headers["location"] == "/console/models/churn/versions/1.2.0"
    assert (version.label, version.metrics, version.format) == (
        "1.2.0", {"accuracy": 0.9}, "scorecard",
    )  # fmt: skip


def test_upload_takes_an_example_and_a_background(at_user, organization):
    make_model(organization, name="churn")
    row = '{"tenure": 3, "contract": "Month-to-month"}'

    made = upload(at_user, card(), input_example=row, background=f"[{row}]")

    version = ModelVersion.objects.get()
    assert made.status == 302
    assert version.input_example == {"tenure": 3, "contract": "Month-to-month"}
    assert version.background == [[3.0, "Month-to-month"]]


def test_a_refused_file_is_told_at_its_field(at_user, churn):
    answer = upload(at_user, b"\x80\x04\x95")

    assert answer.status == 422
    assert errors(answer) == ["The file is a pickle."]


def test_a_bad_name_is_told_at_its_field(at_user, organization):
    answer = at_user.post("/console/models/new", {"name": "../x", "description": ""})

    assert (answer.status, len(errors(answer))) == (422, 1)
    assert RegisteredModel.objects.count() == 0


def test_promote_archives_the_former(at_user, churn):
    at_user.post(
        "/console/models/churn/versions/1.1/stage",
        {"stage": "Production", "revision": "1"},
    )

    assert stages() == {"1.0": "Archived", "1.1": "Production"}
    assert toasts(at_user) == ["1.1 is in Production now."]


@pytest.mark.parametrize("sent", [{"stage": "Nowhere"}, {"stage": "Production", "revision": "9"}])
def test_what_cannot_be_moved_stays(sent, at_user, churn):
    answer = at_user.post("/console/models/churn/versions/1.1/stage", sent)

    assert stages() == {"1.0": "Production", "1.1": "None"}
    assert (answer.status, len(toasts(at_user))) == (302, 1)


def test_aliases_are_moved_and_taken_away(at_user, churn):
    moved = at_user.post("/console/models/churn/alias", {"alias": "champion", "version": "1.0"})
    wrong = at_user.post("/console/models/churn/alias", {"alias": "Latest", "version": "1.0"})
    gone = at_user.post("/console/models/churn/unalias", {"alias": "challenger"})

    assert (moved.status, wrong.status, gone.status) == (302, 422, 302)
    assert [alias.name for alias in churn.aliases.all()] == ["champion"]


def test_what_serves_is_not_removed(at_user, churn):
    at_user.post("/console/models/churn/versions/1.0/remove")
    first = toasts(at_user)
    at_user.post("/console/models/churn/remove")

    assert ModelVersion.objects.count() == 2
    text = "It is in production. Promote another version or archive this one first."
    assert (first, toasts(at_user)) == ([text], [text])


def test_a_version_is_removed(at_user, churn):
    at_user.post("/console/models/churn/unalias", {"alias": "challenger"})
    at_user.post("/console/models/churn/versions/1.1/remove")

    assert stages() == {"1.0": "Production"}
