"""The operator's pages of the registry and its log: figures, a share that can be set, and nobody's features."""

from __future__ import annotations

import re

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from apps.core.tenancy import organization_scope
from apps.models.models import ModelVersion, RegisteredModel
from tests.factories.models import make_model, make_version
from tests.factories.predictions import make_prediction
from tests.factories.tenants import make_organization, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
LOG = "/admin/models/predictionrecord/"
MODELS = "/admin/models/registeredmodel/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user(email="operator@example.com", is_staff=True))
    return client


@pytest.fixture
def churn() -> ModelVersion:
    return make_version(make_model(make_organization(), name="churn"), label="1.2.0")


def test_the_log_is_looked_at_without_whom_and_what_it_is_about(
    staff: Client, churn: ModelVersion
) -> None:
    row = make_prediction(churn, customer="ann@example.com", features={"tenure": 8_715_309})

    listed = staff.get(LOG).content.decode()
    one = staff.get(f"{LOG}{row.pk}/change/").content.decode()

    assert ("churn" in listed, row.public_id in one) == (True, True)
    assert [text for text in ("ann@example.com", "8715309") if text in listed + one] == []


def test_the_log_is_changed_by_nobody(staff: Client, churn: ModelVersion) -> None:
    row = make_prediction(churn)

    assert staff.get(f"{LOG}add/").status_code == 403
    assert staff.post(f"{LOG}{row.pk}/change/", {"prediction": "0"}).status_code == 403
    assert staff.post(f"{LOG}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_model_says_what_it_predicted(staff: Client, churn: ModelVersion) -> None:
    for _ in range(3):
        make_prediction(churn)

    page = staff.get(f"{MODELS}{churn.model_id}/change/").content.decode()

    (number,) = re.findall(r'field-total_predictions.*?class="readonly">([^<]*)<', page, re.DOTALL)
    assert number == "3"


@pytest.mark.parametrize(
    ("share", "kept", "told"),
    [("0.25", 0.25, "was changed"), ("1.5", 1.0, "must be from 0 to 1")],
)
def test_the_share_of_the_log_is_set(
    staff: Client, churn: ModelVersion, share: str, kept: float, told: str
) -> None:
    form = {"description": "", "tags": "{}", "log_share": share}

    answer = staff.post(f"{MODELS}{churn.model_id}/change/", form)

    (message,) = (str(one) for one in get_messages(answer.wsgi_request))
    assert told in message
    with organization_scope(churn.organization_id):
        assert RegisteredModel.objects.get().log_share == kept
