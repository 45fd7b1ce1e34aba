from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.models import Comparison, Contender, Conversation, Generation, Message
from apps.conversations.queries import comparisons as queries
from apps.conversations.services import comparisons, conversations
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.tenancy import organization_scope, unscoped
from apps.events.models import AuditEntry
from apps.tenants.models import Organization
from tests.factories.providers import make_route
from tests.factories.tenants import actor_of, make_member

pytestmark = pytest.mark.django_db


def an_actor() -> Actor:
    member = make_member()
    for name in ("a", "b", "c", "d", "e", "tie"):
        make_route(member.organization, name=name)
    return actor_of(member)


@pytest.fixture
def actor() -> Iterator[Actor]:
    made = an_actor()
    with organization_scope(made.organization_id):
        yield made


@pytest.fixture
def colleague(actor: Actor) -> Actor:
    return actor_of(make_member(Organization.objects.get(pk=actor.organization_id)))


def begin(actor: Actor, *models: str, prompt: str = "Which?") -> Comparison:
    return comparisons.begin_comparison(
        actor=actor, prompt=prompt, models=models or ("a", "b")
    ).comparison


def answer(comparison: Comparison, **texts: str) -> None:
    """All that take part have ended; those that are not named with nothing."""
    for row in Contender.objects.filter(comparison=comparison):
        text = texts.get(row.model, "")
        status = "complete" if text else "failed"
        Message.objects.filter(pk=row.answer_id).update(status=status, content=text)
        Generation.objects.filter(message_id=row.answer_id).delete()


def ready(actor: Actor, **more: str) -> Comparison:
    made = begin(actor, **more)
    answer(made, a="first", b="second")
    return made


def refused(actor: Actor, *models: str, prompt: str = "Which?") -> str:
    with pytest.raises(Invalid) as error:
        comparisons.begin_comparison(actor=actor, prompt=prompt, models=models)
    assert (Comparison.objects.count(), Conversation.objects.count()) == (0, 0)
    return error.value.fields[0].field


def test_each_model_begins_an_answer_in_a_conversation_of_its_own(actor: Actor) -> None:
    made = comparisons.begin_comparison(
        actor=actor, prompt="Which?", models=["b", "a", "c"], system_prompt="Be brief."
    )

    assert [
        (one.conversation.model, one.conversation.title, one.asked.content, one.message.status)
        for one in made.begun
    ] == [(model, "Which?", "Which?", "generating") for model in "bac"]
    assert {one.system_prompt for one in Conversation.objects.all()} == {"Be brief."}
    view = queries.comparison_of(actor=actor, comparison_id=made.comparison.public_id)
    assert ([side.model for side in view.sides], view.is_complete) == (["b", "a", "c"], False)
    with unscoped(reason="a test reads the trail"):
        (entry,) = AuditEntry.objects.filter(action=topics.COMPARISON_CREATED)
    assert entry.after == {"models": ["b", "a", "c"]}  # and not what was asked


@pytest.mark.parametrize(
    ("models", "field"),
    [
        ([], "models"),
        (["a"], "models"),
        (["a", "b", "c", "d", "e"], "models"),
        (["a", "a"], "models"),
        (["a", "nobody"], "models.1"),
        (["a", "tie"], "models.1"),
    ],
)
def test_wrong_models_begin_nothing(actor: Actor, models: list[str], field: str) -> None:
    assert refused(actor, *models) == field


def test_an_empty_prompt_begins_nothing(actor: Actor) -> None:
    assert refused(actor, "a", "b", prompt=" ") == "prompt"


def test_choose_keeps_who_was_better_and_may_think_better_of_it(actor: Actor) -> None:
    made = ready(actor)

    view = comparisons.choose(actor=actor, comparison_id=made.public_id, model="a")
    first = view.comparison.chosen_at
    again = comparisons.choose(actor=actor, comparison_id=made.public_id, model="tie")

    made.refresh_from_db()
    assert (view.comparison.chosen, again.comparison.chosen, made.chosen) == ("a", "tie", "tie")
    assert made.chosen_at == first
    with unscoped(reason="a test reads the trail"):
        entries = AuditEntry.objects.filter(action=topics.COMPARISON_CHOSEN).order_by("pk")
        assert [(entry.before, entry.after) for entry in entries] == [
            (None, {"chosen": "a"}),
            ({"chosen": "a"}, {"chosen": "tie"}),
        ]


def test_a_choice_settles_after_a_day(actor: Actor) -> None:
    made = ready(actor)
    comparisons.choose(actor=actor, comparison_id=made.public_id, model="a")
    Comparison.objects.update(chosen_at=timezone.now() - timedelta(days=1, seconds=1))

    with pytest.raises(Conflict, match="more than a day"):
        comparisons.choose(actor=actor, comparison_id=made.public_id, model="b")
    same = comparisons.choose(actor=actor, comparison_id=made.public_id, model="a")

    assert same.comparison.chosen == "a"


def test_choose_waits_for_all_answers(actor: Actor) -> None:
    made = begin(actor)

    with pytest.raises(Conflict) as error:
        comparisons.choose(actor=actor, comparison_id=made.public_id, model="a")

    assert error.value.code == "comparison_running"


def test_an_answer_whose_process_died_has_ended(actor: Actor) -> None:
    made = begin(actor)
    Message.objects.filter(role="assistant").update(content="so far")
    Generation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    chosen = comparisons.choose(actor=actor, comparison_id=made.public_id, model="a")

    assert chosen.comparison.chosen == "a"


@pytest.mark.parametrize("model", ["c", "nobody", ""])
def test_who_did_not_take_part_is_not_chosen(actor: Actor, model: str) -> None:
    made = ready(actor)

    with pytest.raises(Invalid):
        comparisons.choose(actor=actor, comparison_id=made.public_id, model=model)


def test_who_did_not_answer_is_not_chosen(actor: Actor) -> None:
    made = begin(actor)
    answer(made, a="first")

    with pytest.raises(Invalid, match="gave no answer"):
        comparisons.choose(actor=actor, comparison_id=made.public_id, model="b")
    assert comparisons.choose(
        actor=actor, comparison_id=made.public_id, model="a"
    ).comparison.chosen == ("a")


def test_comparisons_are_their_owners_alone(actor: Actor, colleague: Actor) -> None:
    mine, theirs = ready(actor), ready(colleague)

    assert [row.pk for row in queries.comparisons(actor=actor)] == [mine.pk]
    with pytest.raises(NotFound):
        queries.comparison_of(actor=actor, comparison_id=theirs.public_id)
    with pytest.raises(NotFound):
        comparisons.choose(actor=actor, comparison_id=theirs.public_id, model="a")


def test_choices_are_there_for_benchmarks_whoever_made_them(actor: Actor, colleague: Actor) -> None:
    stranger = an_actor()
    mine, theirs = ready(actor, prompt="first?"), ready(colleague, prompt="second?")
    ready(actor, prompt="not chosen")
    removed = ready(actor, prompt="its conversation is gone")
    with organization_scope(stranger.organization_id):
        foreign = ready(stranger)
        comparisons.choose(actor=stranger, comparison_id=foreign.public_id, model="a")
    for who, which, model in (
        (actor, mine, "a"),
        (colleague, theirs, "tie"),
        (actor, removed, "a"),
    ):
        comparisons.choose(actor=who, comparison_id=which.public_id, model=model)
    gone = Contender.objects.filter(comparison=removed, model="a").get().conversation
    conversations.remove_conversation(actor=actor, conversation_id=gone.public_id)

    found = [
        (one.prompt, one.answers, one.chosen, one.chooser)
        for one in queries.choices(actor.organization_id)
    ]

    answers = {"a": "first", "b": "second"}
    assert found == [
        ("first?", answers, "a", actor.principal),
        ("second?", answers, "tie", colleague.principal),
    ]


def test_choices_come_in_batches(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 2)
    for number in range(5):
        made = ready(actor, prompt=f"{number}?")
        comparisons.choose(actor=actor, comparison_id=made.public_id, model="b")

    assert [one.prompt for one in queries.choices(actor.organization_id)] == [
        "0?", "1?", "2?", "3?", "4?",
    ]  # fmt: skip
