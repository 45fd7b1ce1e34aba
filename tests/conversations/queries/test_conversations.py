from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.conversations.queries import conversations as queries
from apps.conversations.queries.shown import OwnerStats, Rollup
from apps.core.errors import Invalid, NotFound, PermissionDenied
from apps.core.pagination import page_of
from apps.core.tenancy import organization_scope
from tests.factories.conversations import make_branch, make_conversation, make_message

pytestmark = pytest.mark.django_db


def ids(rows):
    return [row.public_id for row in rows]


@pytest.fixture
def theirs(stranger):
    """Everything that could leak from another organisation."""
    for values in ({}, {"visibility": "organization"}, {"tags": ["a"]}):
        row = make_conversation(stranger, **values)
        with organization_scope(stranger.organization_id):
            make_message(row, prompt_tokens=1000, completion_tokens=1000, cost_nano=10**9)


def test_list_shows_ones_own_and_what_is_shown(ada, ben, chief, theirs):
    mine = make_conversation(ada)
    shown = make_conversation(ben, visibility="organization")
    hidden = make_conversation(ben)

    assert ids(queries.list_conversations(actor=ada)) == ids([shown, mine])
    assert ids(queries.list_conversations(actor=ben)) == ids([hidden, shown])
    assert ids(queries.list_conversations(actor=chief)) == ids([shown])


def test_list_is_by_the_last_word(ada):
    now = timezone.now()
    rows = [make_conversation(ada, updated_at=now - timedelta(hours=age)) for age in (2, 0, 1)]

    assert ids(queries.list_conversations(actor=ada)) == ids([rows[1], rows[2], rows[0]])


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        ({}, ["other", "plain", "shown", "spare", "tagged"]),
        ({"archived": "false"}, ["other", "plain", "shown", "spare", "tagged"]),
        ({"archived": "true"}, ["away"]),
        ({"archived": "all"}, ["away", "other", "plain", "shown", "spare", "tagged"]),
        ({"tag": "a"}, ["tagged"]),
        ({"tag": "a", "archived": "all"}, ["away", "tagged"]),
        ({"tag": "é%\"'\\"}, ["tagged"]),
        ({"tag": "A"}, []),
        ({"tag": "a\x00"}, []),
        ({"tag": '["a"]'}, []),
        ({"model": "spare"}, ["spare"]),
        ({"model": "\x00"}, []),
        ({"visibility": "organization"}, ["other", "shown"]),
        ({"visibility": "private"}, ["plain", "spare", "tagged"]),
        ({"mine": True}, ["plain", "shown", "spare", "tagged"]),
        ({"mine": False}, ["other"]),
        ({"mine": True, "visibility": "organization"}, ["shown"]),
    ],
)
def test_list_is_filtered(ada, ben, theirs, asked, titles):
    make_conversation(ada, title="plain")
    make_conversation(ada, title="tagged", tags=["a", "é%\"'\\"])
    make_conversation(ada, title="away", tags=["a"], archived_at=timezone.now())
    make_conversation(ada, title="spare", model="spare")
    make_conversation(ada, title="shown", visibility="organization")
    make_conversation(ben, title="other", visibility="organization")
    make_conversation(ben, title="hidden", tags=["a"])

    found = queries.list_conversations(actor=ada, **asked)

    assert sorted(row.title for row in found) == titles


def test_list_names_a_wrong_visibility(ada):
    with pytest.raises(Invalid):
        queries.list_conversations(actor=ada, visibility="public")


@pytest.mark.parametrize("count", [3, 30])
def test_list_reads_neither_messages_nor_prompts(ada, house, count, django_assert_num_queries):
    for _ in range(count):
        make_branch(make_conversation(ada, system_prompt="Be brief."), 2)

    with django_assert_num_queries(2) as captured:
        page = page_of(queries.list_conversations(actor=ada), page=1, limit=20)

    said = " ".join(query["sql"] for query in captured)
    assert (len(page.rows), page.meta["total"]) == (min(count, 20), count)
    assert ("conversations_message" in said, "system_prompt" in said) == (False, False)


def test_a_private_one_is_there_for_its_owner_alone(ada, ben, chief, reader, stranger):
    private = make_conversation(ada)
    shown = make_conversation(ada, visibility="organization")

    for actor in (ada, ben, chief, reader):
        found = queries.conversation_of(actor=actor, conversation_id=shown.public_id)
        assert found == shown
    assert queries.conversation_of(actor=ada, conversation_id=private.public_id) == private
    for actor in (ben, chief, reader):
        with pytest.raises(NotFound):
            queries.conversation_of(actor=actor, conversation_id=private.public_id)
    with organization_scope(stranger.organization_id):
        for row in (private, shown):
            with pytest.raises(NotFound):
                queries.conversation_of(actor=stranger, conversation_id=row.public_id)
    for strange in ("nope", "conv_" + "0" * 32, ""):
        with pytest.raises(NotFound):
            queries.conversation_of(actor=ada, conversation_id=strange)


def test_open_sums_up_what_was_used(ada, theirs, django_assert_num_queries):
    row, other = make_conversation(ada), make_conversation(ada)
    asked = make_message(row)
    used = {"prompt_tokens": 10, "completion_tokens": 5, "cost_nano": 7}
    make_message(row, asked, **used)
    last = make_message(row, asked, **used)  # a branch that was left counts too
    make_message(other, **used)

    with django_assert_num_queries(2):
        view = queries.open_conversation(actor=ada, conversation_id=row.public_id)

    assert (view.conversation, view.head, view.usage) == (row, last.public_id, Rollup(20, 10, 14))
    assert queries.view_of(row) == view


def test_open_of_an_empty_one(ada):
    row = make_conversation(ada)

    view = queries.open_conversation(actor=ada, conversation_id=row.public_id)

    assert (view.head, view.usage, view.revision) == (None, Rollup(), 1)


def test_stats_are_counts_by_owner(ada, ben, chief, theirs, django_assert_num_queries):
    used = {"prompt_tokens": 10, "completion_tokens": 5, "cost_nano": 7}
    now = timezone.now()
    for index in range(3):
        row = make_conversation(ada, updated_at=now, archived_at=now if index else None)
        make_message(row, **used)
        row.updated_at = now
        row.save()
    quiet = make_conversation(ben, updated_at=now)

    with django_assert_num_queries(3):
        page = queries.stats_page(actor=chief, page=1, limit=20)

    assert page.meta == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert page.rows == [
        OwnerStats(ada.principal, ada.identity.name, 3, 2, 3, Rollup(30, 15, 21), now),
        OwnerStats(ben.principal, ben.identity.name, 1, 0, 0, Rollup(), quiet.updated_at),
    ]
    assert queries.stats_page(actor=chief, page=2, limit=1).rows == page.rows[1:]


def test_stats_are_for_administrators(ada, reader):
    for actor in (ada, reader):
        with pytest.raises(PermissionDenied):
            queries.stats_page(actor=actor, page=1, limit=20)
