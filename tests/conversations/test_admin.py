"""The operator's pages: counts of everybody's conversations, and nothing anybody wrote."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories.conversations import make_conversation, make_message
from tests.factories.tenants import make_user

pytestmark = pytest.mark.django_db

SECRET = "what only its owner may read"
PATH = "/admin/conversations/conversation/"


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user(is_staff=True))
    return client


@pytest.fixture
def row(ada):
    made = make_conversation(
        ada, title=SECRET, system_prompt=SECRET, tags=[SECRET], parameters={"stop": SECRET}
    )
    make_message(made, content=SECRET)
    return made


def test_list_shows_counts(operator, row, stranger):
    theirs = make_conversation(stranger, title=SECRET)

    page = operator.get(PATH).content.decode()

    assert page.count(row.public_id) >= 1
    assert page.count(theirs.public_id) >= 1
    assert SECRET not in page


def test_one_shows_counts(operator, row):
    answer = operator.get(f"{PATH}{row.pk}/change/")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert row.owner in page
    assert SECRET not in page


@pytest.mark.parametrize("query", ["title__contains=what", "system_prompt__contains=what"])
def test_texts_cannot_be_guessed_by_filters(operator, row, query):
    assert operator.get(f"{PATH}?{query}").status_code == 400


def test_nothing_is_written_there(operator, row):
    for path in (f"{PATH}add/", f"{PATH}{row.pk}/delete/"):
        assert operator.get(path).status_code == 403


def test_search_is_by_owner_and_model(operator, row, ada):
    found = operator.get(PATH, {"q": ada.identity.name}).content.decode()
    not_found = operator.get(PATH, {"q": "what"}).content.decode()

    assert (row.public_id in found, row.public_id in not_found) == (True, False)
