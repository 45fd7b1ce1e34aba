from __future__ import annotations

import pytest

from apps.conversations.models import Feedback
from apps.conversations.services.feedback import give_feedback
from apps.core.errors import Invalid, NotFound, PermissionDenied
from apps.core.tenancy import organization_scope
from tests.factories.conversations import make_conversation, make_message

pytestmark = pytest.mark.django_db


@pytest.fixture
def answer(ada):
    shown = make_conversation(ada, visibility="organization")
    return make_message(shown, make_message(shown))


def say(actor, message, value, **more):
    return give_feedback(
        actor=actor,
        conversation_id=message.conversation.public_id,
        message_id=message.public_id,
        value=value,
        **more,
    )


def kept():
    return sorted(Feedback.objects.values_list("principal", "value", "comment"))


def test_the_last_word_counts(ada, ben, answer):
    say(ada, answer, "down", comment="Too long.")
    say(ben, answer, "up")
    say(ada, answer, "up")

    assert kept() == sorted([(ada.principal, "up", ""), (ben.principal, "up", "")])


def test_none_takes_it_back(ada, ben, answer):
    say(ada, answer, "up")
    say(ben, answer, "up")

    assert say(ada, answer, None) is None

    assert kept() == [(ben.principal, "up", "")]


@pytest.mark.parametrize(
    ("value", "comment", "field"),
    [
        ("sideways", "", "value"),
        ("", "", "value"),
        (1, "", "value"),
        ("up", "a" * 2001, "comment"),
        ("up", "\x00", "comment"),
        ("up", 7, "comment"),
    ],
)
def test_wrong_words_are_named(ada, answer, value, comment, field):
    with pytest.raises(Invalid) as error:
        say(ada, answer, value, comment=comment)

    assert [each.field for each in error.value.fields] == [field]
    assert kept() == []


def test_only_answers_are_judged(ada, answer):
    with pytest.raises(Invalid):
        say(ada, answer.parent, "up")


def test_who_may_not_read_may_not_judge(ada, ben, chief, reader, stranger, answer):
    private = make_conversation(ada)
    hidden = make_message(private, make_message(private))

    for actor in (ben, chief):
        with pytest.raises(NotFound):
            say(actor, hidden, "up")
    with pytest.raises(PermissionDenied):
        say(reader, answer, "up")
    with organization_scope(stranger.organization_id), pytest.raises(NotFound):
        say(stranger, answer, "up")
    assert kept() == []
