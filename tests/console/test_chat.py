"""The chat's pages as the server renders them: whose conversations, which messages, what is harmless, what scripts are told."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.conversations.enums import MessageRole, MessageStatus, Verdict, Visibility
from apps.conversations.models import Comparison, Contender, Conversation
from apps.conversations.services.feedback import give_feedback
from apps.core.tenancy import organization_scope
from tests.client import Answer
from tests.factories.console import page
from tests.factories.conversations import (
    make_branch,
    make_conversation,
    make_generation,
    make_message,
)
from tests.factories.providers import make_deployment, make_provider, make_route
from tests.factories.tenants import actor_of

ATTACK = """<script>alert(1)</script> [a](javascript:alert(1)) <img src=x onerror=alert(1)>

# Head

[good](https://example.com)"""


@pytest.fixture
def ada(user):
    return actor_of(user)


@pytest.fixture
def route(organization):
    return make_route(organization, name="support", targets=[make_deployment(organization)])


@pytest.fixture
def talk(ada) -> Conversation:
    return make_conversation(ada, title="Signals", model="support")


def titles(answer: Answer) -> list[str]:
    return re.findall(r'<span class="talk__title">(.*?)</span>', page(answer))


def branch(answer: Answer) -> str:
    """The page's HTML without the templates that scripts fill."""
    return answer.body.decode().partition('id="chat-user"')[0]


def shown(answer: Answer) -> list[str]:
    """What messages say, as text without markup."""
    found = re.findall(r"data-shown>(.*?)</div>\s*<template", branch(answer), re.DOTALL)
    return [re.sub(r"<[^>]+>", "", text).strip() for text in found]


def at(talk: Conversation, more: str = "") -> str:
    return f"/console/chat/{talk.public_id}{more}"


def test_list_has_ones_own_and_what_is_shown_newest_first(at_user, ada, admin, stranger):
    now = timezone.now()
    make_conversation(ada, title="older", updated_at=now - timedelta(hours=2))
    make_conversation(ada, title="newer", updated_at=now)
    make_conversation(ada, title="put away", archived_at=now)
    make_conversation(actor_of(admin), title="private")
    make_conversation(
        actor_of(admin),
        title="shown",
        visibility=Visibility.ORGANIZATION,
        updated_at=now - timedelta(hours=1),
    )
    make_conversation(actor_of(stranger), title="foreign", visibility=Visibility.ORGANIZATION)

    assert titles(at_user.get("/console/chat")) == ["newer", "shown", "older"]
    assert titles(at_user.get("/console/chat?archived=1")) == ["put away"]


def test_list_by_tag(at_user, ada):
    make_conversation(ada, title="tagged", tags=["ops"])
    make_conversation(ada, title="bare")

    assert titles(at_user.get("/console/chat?tag=ops")) == ["tagged"]


def test_search_finds_words_of_messages_and_marks_them(at_user, ada, admin, talk):
    make_message(talk, content="The distant signal warns.")
    make_conversation(ada, title="Something else")
    private = make_conversation(actor_of(admin), title="private")
    make_message(private, content="A distant secret.")

    answer = at_user.get("/console/chat/list?q=distant")

    assert titles(answer) == ["Signals"]
    assert "<mark>distant</mark>" in answer.body.decode()


def test_search_without_a_hit_says_so(at_user, talk):
    assert "Nothing found." in page(at_user.get("/console/chat/list?q=zebra"))


def test_list_goes_on_with_a_link(at_user, ada):
    for number in range(41):
        make_conversation(ada, title=f"talk {number}")

    first, second = at_user.get("/console/chat"), at_user.get("/console/chat/list?page=2")

    assert (len(titles(first)), titles(second)) == (40, ["talk 0"])
    assert 'href="/console/chat?page=2"' in page(first)
    assert "page=3" not in page(second)


def test_list_marks_the_conversation_that_stands_beside(at_user, ada, talk):
    make_conversation(ada)

    (current,) = re.findall(
        r'href="([^"]*)" data-row-link aria-current', page(at_user.get(at(talk)))
    )

    assert current == at(talk)


def test_conversation_opens_at_its_end_and_leads_upwards(at_user, talk):
    rows = make_branch(talk, 120)

    last = at_user.get(at(talk))
    above = at_user.get(at(talk, f"/messages?before={rows[70].public_id}"))

    assert shown(last) == [f"Hello {number}" for number in range(70, 120)]
    assert f'href="{at(talk)}?before={rows[70].public_id}"' in page(last)
    assert shown(above) == [f"Hello {number}" for number in range(20, 70)]
    assert "</html>" not in page(above)


def test_messages_cost_the_same_queries_however_many(
    at_user, ada, talk, route, django_assert_max_num_queries
):
    make_branch(talk, 3)
    at_user.get(at(talk))
    make_branch(talk, 300)

    with django_assert_max_num_queries(24):
        assert len(shown(at_user.get(at(talk)))) == 50


def test_what_a_model_said_is_harmless_markup(at_user, talk):
    make_message(talk, make_message(talk, content="<b>bold</b>"), content=ATTACK)

    html = branch(at_user.get(at(talk)))

    (answer,) = re.findall(r'class="message__text prose" data-shown>(.*?)</div>', html, re.DOTALL)
    assert re.findall(r"<(?!/)(\w+)", answer) == ["p", "h1", "p", "a"]
    assert re.findall(r'href="([^"]*)"', answer) == ["https://example.com"]
    assert "&lt;b&gt;bold&lt;/b&gt;</div>" in html


def test_text_as_it_was_said_goes_along_for_copying(at_user, talk):
    make_message(talk, make_message(talk), content="1 < 2 && **so**")

    html = at_user.get(at(talk)).body.decode()

    assert "<template data-raw>1 &lt; 2 &amp;&amp; **so**</template>" in html


def test_answer_says_what_it_came_to_and_what_was_left_out(at_user, talk):
    make_message(
        talk,
        make_message(talk),
        model="large",
        prompt_tokens=1200,
        completion_tokens=34,
        cost_nano=1_500_000,
        finish_reason="length",
        context={"messages": 3, "tokens": 900, "left_out": 2, "summarized": False},
    )

    html = page(at_user.get(at(talk)))

    facts = re.findall(r"data-facts>(.+?)</span>", html)
    assert facts == ["1,200 → 34 tokens · $0.0015 · reached the most tokens it may have"]
    assert "The model did not read 2 earlier messages" in html
    assert "support · 1,234 tokens · $0.0015" in html


def test_summed_up_messages_are_told_as_such(at_user, talk):
    make_message(talk, make_message(talk), context={"left_out": 1, "summarized": True})

    assert "The model read 1 earlier message summed up" in page(at_user.get(at(talk)))


def test_versions_can_be_turned_and_verdicts_stand(at_user, ada, talk):
    asked = make_message(talk)
    first = make_message(talk, asked, content="first")
    second = make_message(talk, asked, content="second")
    give_feedback(
        actor=ada,
        conversation_id=talk.public_id,
        message_id=second.public_id,
        value=Verdict.DOWN,
        comment="Too short",
    )

    html = page(at_user.get(at(talk)))

    assert "data-standing>2 / 2</span>" in html
    assert f'data-select="{first.public_id}" aria-label="Previous version"' in html
    assert re.findall(r'data-verdict="(\w+)" aria-pressed="true"', html) == ["down"]
    assert 'data-comment="Too short"' in html


@pytest.mark.parametrize(
    ("status", "words", "may_go_on"),
    [
        (MessageStatus.COMPLETE, [], False),
        (MessageStatus.STOPPED, ["Stopped"], True),
        (MessageStatus.FAILED, ["Why", "Failed"], True),
        (MessageStatus.INTERRUPTED, ["Interrupted"], True),
    ],
)
def test_state_of_an_answer(status, words, may_go_on, at_user, talk):
    make_message(talk, make_message(talk), status=status, content="so far", error_message="Why")

    html = branch(at_user.get(at(talk)))

    assert re.findall(r'lamp__word">(.*?)</span>', html.partition("data-messages")[2]) == words
    assert ("data-continue" in html) is may_go_on


def test_answer_under_way_is_told_to_scripts_and_a_dead_one_is_interrupted(at_user, talk):
    answer = make_message(talk, make_message(talk), content="so far")
    generation = make_generation(answer)
    assert 'data-status="generating"' in page(at_user.get(at(talk)))

    with organization_scope(talk.organization_id):
        generation.lease_until = timezone.now() - timedelta(seconds=1)
        generation.save()

    html = page(at_user.get(at(talk)))
    assert 'data-status="interrupted"' in html
    assert "data-continue" in html


def test_owner_may_write_and_others_only_read(at_user, at_admin, at_viewer, talk, route):
    make_message(talk)
    Conversation.objects.filter(pk=talk.pk).update(visibility=Visibility.ORGANIZATION)

    own, foreign, seen = (each.get(at(talk)) for each in (at_user, at_admin, at_viewer))

    assert 'data-may-write="true"' in page(own)
    assert "data-composer" in page(own)
    for answer in (foreign, seen):
        assert answer.status == 200
        assert 'data-may-write="false"' in page(answer)
        assert "data-composer" not in page(answer)
        assert "data-edit" not in branch(answer)


def test_private_one_is_missing_for_everybody_else(at_admin, talk):
    assert (at_admin.get(at(talk)).status, at_admin.get(at(talk, "/messages")).status) == (404, 404)


def test_message_of_another_conversation_is_no_place_to_begin(at_user, ada, talk):
    make_message(talk)
    other = make_message(make_conversation(ada))

    assert at_user.get(at(talk, f"/messages?before={other.public_id}")).status == 404


def test_models_are_the_organizations_enabled_routes_and_the_one_that_is_gone(
    at_user, ada, route, organization, stranger
):
    make_route(organization, name="asleep", is_enabled=False)
    make_route(stranger.organization, name="foreign")
    lost = make_conversation(ada, model="lost")

    html = page(at_user.get(at(lost)))

    (select,) = re.findall(r"<select data-model>(.*?)</select>", html)
    assert re.findall(r'value="([^"]*)"', select) == ["support", "lost"]
    assert re.findall(r'value="([^"]*)" selected', select) == ["lost"]


def models_offered(html: str) -> tuple[list[str], list[str]]:
    """What may be talked to, and what is chosen."""
    (select,) = re.findall(r"<select data-model>(.*?)</select>", html)
    named = r'value="([^"]*)"'
    return re.findall(named, select), re.findall(f"{named} selected", select)


def test_new_conversation_offers_what_makes_its_answers_up_last(at_user, organization):
    for name, kind in (("acted", "simulated"), ("meant", "openai")):
        deployment = make_deployment(organization, provider=make_provider(organization, kind=kind))
        make_route(organization, name=name, targets=[deployment])

    assert models_offered(page(at_user.get("/console/chat/new"))) == (["meant", "acted"], [])


def test_new_conversation_begins_with_what_was_talked_to_last(
    at_user, ada, admin, organization, route
):
    make_route(organization, name="another")
    make_conversation(ada, model="support")
    make_conversation(actor_of(admin), model="another", visibility=Visibility.ORGANIZATION)

    assert models_offered(page(at_user.get("/console/chat/new")))[1] == ["support"]
    asked = page(at_user.get("/console/chat/new?model=another"))
    assert models_offered(asked)[1] == ["another"]


def test_without_a_route_there_is_nobody_to_talk_to(at_user, organization):
    assert "There is no route to talk to yet." in page(at_user.get("/console/chat/new"))


def test_viewer_may_not_begin_one(at_viewer, route):
    assert "data-composer" not in page(at_viewer.get("/console/chat/new"))


def test_settings_stand_in_the_drawer(at_user, ada):
    talk = make_conversation(
        ada, system_prompt="Be <brief>.", parameters={"temperature": 0.2}, context_tokens=900
    )

    html = page(at_user.get(at(talk)))

    assert "Be <brief>.</textarea>" in html
    assert re.findall(r'name="temperature"[^>]*value="([^"]*)"', html) == ["0.2"]
    assert re.findall(r'name="context_tokens"[^>]*value="([^"]*)"', html) == ["900"]


def make_comparison(actor, chosen: str = "") -> Comparison:
    with organization_scope(actor.organization_id):
        row = Comparison.objects.create(
            organization_id=actor.organization_id,
            owner=actor.principal,
            prompt="Which is better?",
            chosen=chosen,
        )
        for position, model in enumerate(("one", "two")):
            talk = make_conversation(actor, model=model)
            answer = make_message(
                talk, make_message(talk), content=f"from {model}", role=MessageRole.ASSISTANT
            )
            Contender.objects.create(
                organization_id=actor.organization_id,
                comparison=row,
                model=model,
                position=position,
                conversation=talk,
                answer=answer,
            )
    return row


def test_comparison_stands_with_its_choice(at_user, ada):
    row = make_comparison(ada, chosen="two")

    answer = at_user.get(f"/console/chat/compare?id={row.public_id}")

    html = page(answer)
    assert shown(answer) == []
    assert re.findall(r"<p>(from \w+)</p>", html) == ["from one", "from two"]
    assert re.findall(r'data-model="(\w+)"[^>]* data-chosen', html) == ["two"]
    assert re.findall(r'data-choose="(\w+)"[^>]*aria-pressed="true"', html) == ["two"]


def test_comparison_of_another_is_missing(at_user, admin, stranger):
    for owner in (admin, stranger):
        row = make_comparison(actor_of(owner))
        assert at_user.get(f"/console/chat/compare?id={row.public_id}").status == 404


def test_new_comparison_offers_two_routes(at_user, organization, route):
    assert "It takes two routes to compare." in page(at_user.get("/console/chat/compare"))
    make_route(organization, name="another")

    html = page(at_user.get("/console/chat/compare?model=support"))

    assert re.findall(r'value="([^"]*)" selected', html) == ["support", "another"]
