"""What the engine of answers writes down, and who may stop one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.conversations.domain.answers import Checkpoint, Ending
from apps.conversations.enums import MessageStatus
from apps.conversations.models import Conversation, Generation, Message
from apps.conversations.queries import standings
from apps.conversations.services import generations, leases
from apps.core.actor import Actor
from apps.core.errors import NotFound, PermissionDenied
from apps.core.tenancy import organization_scope
from tests.factories.branches import make_conversation_of, make_shown_conversation_of
from tests.factories.conversations import make_message
from tests.factories.tenants import actor_of, make_member

pytestmark = pytest.mark.django_db
OURS = "here.1.a"


@pytest.fixture
def actor() -> Iterator[Actor]:
    made = actor_of(make_member())
    with organization_scope(made.organization_id):
        yield made


def answer_in(conversation: Conversation, process: str = OURS, content: str = "") -> Message:
    asked = make_message(conversation)
    message = make_message(conversation, asked, content=content, status=MessageStatus.GENERATING)
    leases.begin(message, process=process)
    return message


def write(*checkpoints: Checkpoint, process: str = OURS) -> generations.Heard:
    return generations.write_down(process=process, checkpoints=checkpoints)


def row(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def test_texts_grow_from_their_offsets_and_writing_twice_does_no_harm(actor: Actor) -> None:
    conversation = make_conversation_of(actor)
    one, two = answer_in(conversation), answer_in(conversation, content="é😀")
    pieces = (
        Checkpoint(one.pk, 0, "Hello", 0, "Hm"),
        Checkpoint(two.pk, 2, " there", context={"messages": 1}),
    )

    write(*pieces)
    write(*pieces)
    write(Checkpoint(one.pk, 5, ", you", 2, "m"))

    assert (row(one).content, row(one).reasoning) == ("Hello, you", "Hmm")
    assert (row(two).content, row(two).context) == ("é😀 there", {"messages": 1})


def test_a_round_moves_leases_on_and_hears_of_stops(actor: Actor) -> None:
    conversation = make_conversation_of(actor)
    one, two = answer_in(conversation), answer_in(conversation)
    old = timezone.now() + timedelta(seconds=1)
    Generation.objects.update(lease_until=old)
    generations.request_stop(
        actor=actor, conversation_id=conversation.public_id, message_id=two.public_id
    )

    heard = write(Checkpoint(one.pk), Checkpoint(two.pk))

    assert (heard.lost, heard.stopped) == (frozenset(), {two.pk})
    assert all(each.lease_until > old for each in Generation.objects.all())


def test_who_lost_the_lease_writes_nothing_and_hears_it(actor: Actor) -> None:
    conversation = make_conversation_of(actor)
    ended, others = answer_in(conversation), answer_in(conversation, process="there.2.b")
    Generation.objects.filter(message=ended).delete()

    heard = write(Checkpoint(ended.pk, 0, "late"), Checkpoint(others.pk, 0, "not mine"))

    assert heard.lost == {ended.pk, others.pk}
    assert [row(ended).content, row(others).content] == ["", ""]


def test_an_ending_ends_the_row_and_its_lease(actor: Actor) -> None:
    conversation = make_conversation_of(actor)
    message = answer_in(conversation)
    ending = Ending(
        MessageStatus.COMPLETE,
        finish_reason="stop",
        prompt_tokens=3,
        completion_tokens=1,
        cost_nano=7,
        request_id="req_1",
        tool_calls=({"id": "c"},),
    )

    write(Checkpoint(message.pk, 0, "Hello", ending=ending))
    told = row(message)

    assert (told.content, told.status, told.finish_reason) == ("Hello", "complete", "stop")
    assert (told.prompt_tokens, told.completion_tokens, told.cost_nano) == (3, 1, 7)
    assert (told.request_id, told.tool_calls) == ("req_1", [{"id": "c"}])
    assert told.finished_at is not None
    assert list(Generation.objects.all()) == []
    assert standings.standing_of(told).ending == ending


def test_abandoned_answers_are_shown_as_interrupted_and_then_written_so(actor: Actor) -> None:
    conversation = make_conversation_of(actor)
    dead, alive = answer_in(conversation, content="So f"), answer_in(conversation)
    Generation.objects.filter(message=dead).update(lease_until=timezone.now())

    before = standings.standings_of([dead.pk, alive.pk])
    count = generations.end_abandoned()

    shown = before[dead.pk].ending
    assert shown is not None
    assert (shown.status, shown.error_code) == (MessageStatus.INTERRUPTED, "interrupted")
    assert before[alive.pk].ending is None
    assert count == 1
    assert (row(dead).status, row(dead).content) == (MessageStatus.INTERRUPTED, "So f")
    assert row(alive).status == MessageStatus.GENERATING
    assert generations.end_abandoned() == 0


def test_changed_since_names_those_that_grew_ended_or_went(actor: Actor) -> None:
    conversation = make_conversation_of(actor)
    same, grown = answer_in(conversation, content="abc"), answer_in(conversation, content="abcd")
    ended = make_message(conversation, make_message(conversation))

    changed = standings.changed_since(
        {same.pk: (3, 0), grown.pk: (3, 0), ended.pk: (5, 0), 10**9: (0, 0)}
    )

    assert changed == {grown.pk, ended.pk, 10**9}


def test_a_stop_means_what_is_being_written_or_else_the_last(actor: Actor) -> None:
    conversation = make_conversation_of(actor)
    quiet = make_message(conversation, make_message(conversation))
    first = generations.request_stop(actor=actor, conversation_id=conversation.public_id)
    running = answer_in(conversation)

    second = generations.request_stop(actor=actor, conversation_id=conversation.public_id)

    assert [each.pk for each in first] == [quiet.pk]
    assert [each.pk for each in second] == [running.pk]
    assert Generation.objects.get().stop_requested_at is not None


def test_nobody_stops_anothers_answers() -> None:
    member = make_member()
    actor, other = actor_of(member), actor_of(make_member(member.organization))
    private, shown = make_conversation_of(actor), make_shown_conversation_of(actor)

    with organization_scope(actor.organization_id):
        answer_in(shown)
        with pytest.raises(NotFound):
            generations.request_stop(actor=other, conversation_id=private.public_id)
        with pytest.raises(PermissionDenied):
            generations.request_stop(actor=other, conversation_id=shown.public_id)
        assert Generation.objects.get().stop_requested_at is None


def test_what_an_upstream_says_of_an_ending_always_fits_its_columns(actor: Actor) -> None:
    message = answer_in(make_conversation_of(actor))
    ending = Ending(
        MessageStatus.FAILED,
        finish_reason="st\x00op",
        error_code="e\ud800",
        error_message="No\x00.",
        prompt_tokens=3 * 10**9,
        completion_tokens=2**40,
        cost_nano=2**70,
    )

    write(Checkpoint(message.pk, 0, "Hello", ending=ending))
    told = row(message)

    assert (told.finish_reason, told.error_code) == ("st\ufffdop", "e\ufffd")
    assert told.error_message == "No\ufffd."
    assert (told.prompt_tokens, told.completion_tokens) == (2**31 - 1, 2**31 - 1)
    assert told.cost_nano == 2**63 - 1


def test_the_longest_words_of_any_letters_are_written(actor: Actor) -> None:
    # Each of these letters is three once taken apart, of three bytes each; an index holds a megabyte.
    letters = [chr(0xAC01 + n * 7 % 11_000) for n in range(11_000)]
    text = " ".join(a + b for b in letters[:7] for a in letters)[:200_000]
    message = answer_in(make_conversation_of(actor))

    write(Checkpoint(message.pk, 0, text, ending=Ending(MessageStatus.COMPLETE)))

    assert row(message).content == text
    assert row(message).status == MessageStatus.COMPLETE
