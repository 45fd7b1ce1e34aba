"""The pages of jobs: the list, one job in each state, cancel and retry."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.jobs.domain.states import State
from apps.jobs.models import Job
from tests.factories.console import page, row_labels, title, toasts
from tests.factories.jobs import make_job
from tests.factories.webhooks import make_delivery, make_webhook

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

STEPS = [
    {
        "name": "load",
        "started_at": "2026-01-15T10:30:00+00:00",
        "ended_at": "2026-01-15T10:30:04+00:00",
    },
    {"name": "score", "started_at": "2026-01-15T10:30:04+00:00", "ended_at": None},
]


def lamps(answer: Any) -> list[str]:
    found = re.search(r'id="jobs-results".*?</section>', page(answer), re.DOTALL)
    return re.findall(r'lamp__word">(.*?)<', found.group(0)) if found else []


def test_empty_list_says_how_to_begin(at_admin, at_viewer):
    assert "demo.sleep" in page(at_admin.get("/console/jobs"))
    assert "manage.py demo_job" in page(at_viewer.get("/console/jobs"))


def test_list_shows_ours_newest_first(at_viewer, organization, stranger):
    make_job(organization, kind="demo.first", state=State.COMPLETED)
    make_job(organization, kind="demo.second", state=State.RUNNING, progress=45.2)
    make_job(stranger.organization, kind="demo.theirs")

    answer = at_viewer.get("/console/jobs")

    assert row_labels(answer) == ["demo.second", "demo.first"]
    assert lamps(answer) == ["Running", "Completed"]
    assert 'value="45"' in page(answer)


def test_list_follows_the_topic_of_jobs(at_viewer, organization):
    html = page(at_viewer.get("/console/jobs"))

    assert 'data-topic="job.progress" data-events="jobs.job"' in html


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("state=failed", ["demo.sleep"]),
        ("state=running", ["jobs.group"]),
        ("kind=demo.sleep", ["demo.sleep"]),
        ("priority=low", []),
    ],
)
def test_list_is_narrowed(query, labels, at_viewer, organization):
    make_job(organization, state=State.FAILED)
    make_job(organization, kind="jobs.group", state=State.RUNNING)

    assert row_labels(at_viewer.get(f"/console/jobs?{query}")) == labels


def test_bulk_is_offered_to_those_who_may(at_admin, at_viewer, organization):
    make_job(organization)

    assert 'action="/console/jobs/cancel"' in page(at_admin.get("/console/jobs"))
    assert 'action="/console/jobs/cancel"' not in page(at_viewer.get("/console/jobs"))


def test_bulk_cancels_what_was_chosen(at_admin, organization):
    chosen, other = make_job(organization), make_job(organization)

    answer = at_admin.post(
        "/console/jobs/cancel", {"selected": chosen.public_id, "action": "cancel"}
    )

    assert (answer.status, answer.headers["location"]) == (302, "/console/jobs")
    assert toasts(at_admin) == ["1 job is cancelled."]
    assert Job.objects.get(pk=chosen.pk).state == State.CANCELLED
    assert Job.objects.get(pk=other.pk).state == State.QUEUED


def test_running_job_shows_its_track(at_viewer, organization):
    job = make_job(organization, state=State.RUNNING, progress=60.0, steps=STEPS, message="score")

    answer = at_viewer.get(f"/console/jobs/{job.public_id}")

    html = page(answer)
    assert title(answer) == "demo.sleep"
    assert re.findall(r'track__label">(\w+)', html) == ["load", "score"]
    assert 'aria-current="step"' in html
    assert 'id="job-now" data-topic="job.progress"' in html
    assert "Cancel the job" not in html


@pytest.mark.parametrize(
    ("state", "words", "deeds"),
    [
        (State.QUEUED, "Waiting", ["cancel-job"]),
        (State.RUNNING, "Running", ["cancel-job"]),
        (State.COMPLETED, "Completed", []),
        (State.FAILED, "Failed", ["retry-job"]),
        (State.CANCELLED, "Cancelled", ["retry-job"]),
    ],
)
def test_each_state_has_its_word_and_deeds(state, words, deeds, at_admin, organization):
    job = make_job(organization, state=state)

    html = page(at_admin.get(f"/console/jobs/{job.public_id}"))

    assert re.findall(r'lamp__word">(\w+)<', html.split('id="job-now"')[1])[0] == words
    assert re.findall(r'data-dialog-open="(\w+-job)"', html) == deeds


def test_failed_job_says_why(at_viewer, organization):
    error = {"code": "demo_failure", "message": "It was <asked> to fail."}
    job = make_job(organization, state=State.FAILED, error=error)

    body = at_viewer.get(f"/console/jobs/{job.public_id}").body.decode()

    assert "demo_failure" in body
    assert "It was &lt;asked&gt; to fail." in body


def test_child_and_parent_lead_to_each_other(at_viewer, organization):
    group = make_job(organization, kind="jobs.group", state=State.RUNNING)
    child = make_job(organization, parent=group)

    above = page(at_viewer.get(f"/console/jobs/{group.public_id}"))
    below = page(at_viewer.get(f"/console/jobs/{child.public_id}"))

    assert f'href="/console/jobs?parent={group.public_id}">1 waiting' in above
    assert f'href="/console/jobs/{group.public_id}">jobs.group' in below


def test_cancel_and_retry(at_admin, organization):
    job = make_job(organization)
    where = f"/console/jobs/{job.public_id}"

    cancelled = at_admin.post(f"{where}/cancel")
    first = toasts(at_admin)
    retried = at_admin.post(f"{where}/retry")

    assert (cancelled.headers["location"], retried.headers["location"]) == (where, where)
    assert (first, toasts(at_admin)) == (["It is cancelled."], ["It waits for its turn again."])
    assert Job.objects.get(pk=job.pk).state == State.QUEUED


def test_cancel_too_late_says_so(at_admin, organization):
    job = make_job(organization, state=State.COMPLETED)

    at_admin.post(f"/console/jobs/{job.public_id}/cancel")

    assert toasts(at_admin) == ["The job has already ended."]


def test_cancel_of_a_colleagues_job_is_refused(at_user, admin, organization):
    job = make_job(organization, by=admin)

    answer = at_user.post(f"/console/jobs/{job.public_id}/cancel")

    assert (answer.status, title(answer)) == (403, "You may not do that")


def test_detail_of_a_completed_job_offers_its_result(at_viewer, organization):
    job = make_job(organization, state=State.COMPLETED, result={"slept": 1})
    waiting = make_job(organization)
    url = f"/api/v1/jobs/{job.public_id}/result"

    html = page(at_viewer.get(f"/console/jobs/{job.public_id}"))

    assert f'href="{url}" download' in html
    assert at_viewer.get(url).json() == {"slept": 1}
    assert "Download" not in page(at_viewer.get(f"/console/jobs/{waiting.public_id}"))


def test_detail_tells_of_callbacks_those_who_may_know(at_admin, at_viewer, organization):
    job = make_job(organization, state=State.COMPLETED, callback_url="https://example.com/done")
    queue = make_webhook(organization, topics=[], is_callback=True)
    make_delivery(queue, job=job.public_id, state="delivered")
    make_delivery(queue, job="job_" + "0" * 32, state="failed")

    told = page(at_admin.get(f"/console/jobs/{job.public_id}"))

    assert (">Delivered</a>" in told, ">Failed</a>" in told) == (True, False)
    assert "Delivered" not in page(at_viewer.get(f"/console/jobs/{job.public_id}"))
