"""The pages of sources: the list, the form in lines, the last outcome, and each deed."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.console.words import FACTS
from apps.jobs.models import Job
from apps.models import topics
from apps.models.models import MlflowSource
from tests.factories.console import errors, page, row_labels, toasts
from tests.factories.sources import FOLLOW, make_source, outcome

FORM = {
    "name": "lab",
    "url": "https://mlflow.example.com",
    "auth": "bearer",
    "credential": "dapi-0123456789abcdef",
    "follows": "Churn@champion as churn\n\nrevenue Production\n",
    "every_seconds": "600",
    "is_enabled": "on",
}


def test_every_fact_has_words():
    declared = {
        value
        for name, value in vars(topics).items()
        if not name.startswith("_")
        and not name.endswith("_SCOPE")
        and isinstance(value, str)
        and name.isupper()
    }

    assert declared - set(FACTS) == set()


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "Not looked yet"),
        ({"is_enabled": False}, "Disabled"),
        ({"synced_at": timezone.now(), "sync_error": "It is gone."}, "Failed"),
        ({"synced_at": timezone.now(), "outcomes": [outcome()]}, "Well"),
        ({"synced_at": timezone.now(), "outcomes": [outcome(state="failed")]}, "1 failed"),
        (
            {"synced_at": timezone.now(), "outcomes": [outcome(state="waiting")]},
            "Waits for approval",
        ),
    ],
)
def test_index_tells_the_last_outcome(values, word, at_admin, organization, stranger):
    make_source(stranger.organization, name="foreign")
    make_source(organization, name="lab", **values)

    answer = at_admin.get("/console/model-sources")

    assert row_labels(answer) == ["lab"]
    assert f">{word}<" in page(answer)


def test_create_reads_the_lines(at_admin, organization):
    answer = at_admin.post("/console/model-sources/new", FORM)

    made = MlflowSource.objects.get()
    assert answer.headers["location"] == f"/console/model-sources/{made.public_id}"
    assert (made.auth, made.credential, made.every_seconds) == ("bearer", FORM["credential"], 600)
    assert made.follows == [
        {"model": "Churn", "alias": "champion", "as": "churn"},
        {"model": "revenue", "stage": "Production", "as": "revenue"},
    ]
    html = page(at_admin.get(f"/console/model-sources/{made.public_id}"))
    assert FORM["credential"] not in html


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"follows": "Churn"}, "“Churn” reads as nothing"),
        ({"follows": "My model@champion"}, "beginning with a-z or 0-9"),
        ({"url": "http://127.0.0.1:5000"}, "not public"),
        ({"credential": ""}, "Is needed for bearer"),
        ({"every_seconds": "5"}, "greater than or equal to 60"),
    ],
)
def test_create_says_at_the_field_what_is_wrong(changes, error, at_admin):
    answer = at_admin.post("/console/model-sources/new", FORM | changes)

    (said,) = errors(answer)
    assert answer.status == 422
    assert error in said
    assert MlflowSource.objects.count() == 0


def test_edit_shows_what_is_and_keeps_the_credential(at_admin, organization):
    at_admin.post("/console/model-sources/new", FORM)
    source = MlflowSource.objects.get()
    where = f"/console/model-sources/{source.public_id}"

    html = page(at_admin.get(f"{where}/edit"))
    at_admin.post(f"{where}/edit", FORM | {"credential": "", "name": "other", "is_enabled": ""})

    source.refresh_from_db()
    assert "Churn@champion as churn\nrevenue Production" in html
    assert (source.name, source.credential, source.is_enabled) == (
        "other",
        FORM["credential"],
        False,
    )


def test_detail_tells_what_became_of_each(at_admin, organization):
    told = outcome(state="failed", message="The server answered 500.", version="")
    source = make_source(
        organization, synced_at=timezone.now(), outcomes=[told], sync_error="It went wrong."
    )

    html = page(at_admin.get(f"/console/model-sources/{source.public_id}"))

    assert "churn@champion" in html
    assert "The server answered 500." in html
    assert "It went wrong." in html
    assert "within a minute" in html
    assert "Sync now" in html


def test_sync_and_remove(at_admin, organization):
    source = make_source(organization, follows=[FOLLOW])
    where = f"/console/model-sources/{source.public_id}"

    answer = at_admin.post(f"{where}/sync", {})
    assert Job.objects.get().kind == "models.mlflow_sync"
    assert answer.headers["location"] == where
    assert toasts(at_admin) == ["It looks now. What became of it will stand here."]
    at_admin.post(f"{where}/remove", {})
    assert MlflowSource.objects.count() == 0
