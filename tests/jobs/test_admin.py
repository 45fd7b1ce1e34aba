"""The operator's page of jobs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs.domain import schedule as declared
from apps.jobs.domain.states import State
from apps.jobs.models import Job, Periodic
from tests.factories.jobs import make_job
from tests.factories.tenants import make_admin, make_organization, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

LIST = "/admin/jobs/job/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user(email="operator@example.com", is_staff=True))
    return client


def state_of(job: Job) -> str:
    with unscoped(reason="a test looks at every organisation"):
        return Job.objects.get(pk=job.pk).state


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_list_shows_every_organisations_jobs(staff: Client) -> None:
    jobs = [make_job(make_organization()) for _ in range(2)]

    html = staff.get(LIST).content.decode()

    assert [job.public_id in html for job in jobs] == [True, True]


def test_detail_is_for_reading(staff: Client) -> None:
    job = make_job(make_organization(), state=State.FAILED, error={"code": "x", "message": "y"})

    page = staff.get(f"{LIST}{job.pk}/change/")

    assert page.status_code == 200
    assert job.public_id in page.content.decode()
    assert 'name="_save"' not in page.content.decode()


@pytest.mark.parametrize("path", ["add/", "1/delete/"])
def test_nothing_is_added_or_deleted_here(staff: Client, path: str) -> None:
    assert staff.get(f"{LIST}{path}").status_code in (302, 403)


def test_member_is_led_away() -> None:
    client = Client()
    client.force_login(make_admin().user)

    assert client.get(LIST).status_code == 302


def test_actions_work_in_each_organisation_and_say_what_was_refused(staff: Client) -> None:
    waiting, failed, completed = (
        make_job(make_organization(), state=state)
        for state in (State.QUEUED, State.FAILED, State.COMPLETED)
    )
    chosen = [job.pk for job in (waiting, failed, completed)]

    cancelled = staff.post(LIST, {"action": "cancel", "_selected_action": chosen})
    retried = staff.post(LIST, {"action": "retry", "_selected_action": [failed.pk]})

    assert told(cancelled)[-1] == "Cancelled: 1"
    assert "The job has already ended." in told(cancelled)
    assert told(retried)[-1] == "Queued again: 1"
    assert [state_of(job) for job in (waiting, failed, completed)] == [
        "cancelled",
        "queued",
        "completed",
    ]


def test_schedule_shows_rules_and_times(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_scheduled", {})
    declared.periodic("test.nightly", cron="0 3 * * *")(lambda due: None)
    declared.periodic("test.often", every=timedelta(minutes=5))(lambda due: None)
    for name in ("test.nightly", "test.often", "test.gone"):
        Periodic.objects.create(name=name, next_at=timezone.now())

    html = staff.get("/admin/jobs/periodic/").content.decode()

    rules = re.findall(r'class="field-rule">([^<]+)<', html)
    assert rules == ["no longer declared", "0 3 * * *", "every 0:05:00"]


def test_schedule_cannot_be_changed(staff: Client) -> None:
    Periodic.objects.create(name="test.one", next_at=timezone.now())

    assert staff.post("/admin/jobs/periodic/test.one/delete/").status_code == 403
    assert staff.get("/admin/jobs/periodic/add/").status_code == 403
    assert Periodic.objects.count() == 1
