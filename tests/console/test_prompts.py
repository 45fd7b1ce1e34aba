"""The pages of prompts: versions, labels, differences, and a try with values."""

from __future__ import annotations

import re

import pytest

from apps.providers.models import Prompt, PromptVersion
from tests.factories.console import errors, notices, page, row_labels, title, toasts
from tests.factories.providers import make_prompt, make_route

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TEXTS = ("Hello {{who}}.", "Hello {{who}},\nhow are you?", "Bye.")


@pytest.fixture
def prompt(organization):
    return make_prompt(organization, *TEXTS, labels={"production": 2}, name="greet")


def labels(prompt):
    return {label.name: label.version.number for label in prompt.labels.select_related("version")}


def lines(answer):
    found = re.findall(r'class="lines__line[^"]*">(.*?)</(ins|del|span)>', page(answer))
    return [(tag, text) for text, tag in found]


def test_list_shows_ours_by_name(at_viewer, prompt, organization, stranger):
    make_prompt(organization, name="bye", description="The end.")
    make_prompt(stranger.organization, name="theirs")

    answer = at_viewer.get("/console/prompts")

    assert row_labels(answer) == ["bye", "greet"]
    assert "production → v2" in page(answer)
    assert "The end." in page(answer)


def test_page_shows_the_version_that_runs(at_viewer, prompt):
    answer = at_viewer.get("/console/prompts/greet")

    html = page(answer)
    assert title(answer) == "greet"
    assert "<h2>v2</h2>" in html
    assert "how are you?" in html
    assert re.findall(r'data-copy="(greet@\w+)"', html) == ["greet@production", "greet@2"]
    assert row_labels(answer) == ["v3", "v2", "v1"]
    assert "/console/prompts/greet/diff?from=1&to=2" in html
    assert "/console/prompts/greet/diff?from=2&to=3" in html


@pytest.mark.parametrize(("tag", "number"), [("1", 1), ("latest", 3), ("production", 2)])
def test_page_shows_the_version_asked_for(tag, number, at_viewer, prompt):
    assert f"<h2>v{number}</h2>" in page(at_viewer.get(f"/console/prompts/greet?version={tag}"))


def test_version_that_is_not_there(at_viewer, prompt):
    assert at_viewer.get("/console/prompts/greet?version=9").status == 404


def test_try_fills_the_variables_in(at_viewer, prompt):
    answer = at_viewer.post(
        "/console/prompts/greet/try", {"version": "1", "variable_0": "<b>Ann</b> {{x}}"}
    )

    assert answer.status == 200
    assert "Hello &lt;b&gt;Ann&lt;/b&gt; {{x}}." in answer.body.decode()


def test_try_of_a_version_without_variables(at_viewer, prompt):
    html = page(at_viewer.get("/console/prompts/greet?version=3"))

    assert "no variables" in html
    assert "Fill it in</button>" not in html


def test_difference_between_two(at_viewer, prompt):
    answer = at_viewer.get("/console/prompts/greet/diff?from=1&to=2")

    assert title(answer) == "v1 and v2"
    assert lines(answer) == [
        ("span", " …"),
        ("span", "  [system]"),
        ("del", "- Hello {{who}}."),
        ("ins", "+ Hello {{who}},"),
        ("ins", "+ how are you?"),
    ]


def test_difference_names_variables_that_went(at_viewer, prompt):
    html = page(at_viewer.get("/console/prompts/greet/diff"))

    assert "v2 and v3" in html
    assert "<del>variable</del>" in html


def test_difference_of_the_same(at_viewer, prompt):
    assert "Nothing changed" in page(at_viewer.get("/console/prompts/greet/diff?from=1&to=1"))


def test_create_keeps_the_first_version(at_user, organization):
    answer = at_user.post(
        "/console/prompts/new",
        {
            "name": "greet",
            "description": "Says hello.",
            "rows": "2",
            "role_0": "system",
            "content_0": "Be kind.\r\nAlways.",
            "role_1": "user",
            "content_1": "",
            "parameters": '{"temperature": 0}',
            "labels": "production, staging",
        },
    )

    assert (answer.status, answer.headers["location"]) == (302, "/console/prompts/greet")
    prompt = Prompt.objects.get()
    version = prompt.versions.get()
    assert version.messages == [{"role": "system", "content": "Be kind.\nAlways."}]
    assert version.parameters == {"temperature": 0}
    assert labels(prompt) == {"production": 1, "staging": 1}


def test_create_puts_errors_at_the_message_they_are_about(at_admin, organization):
    answer = at_admin.post(
        "/console/prompts/new",
        {
            "name": "greet",
            "rows": "3",
            "content_0": "",
            "role_1": "system",
            "content_1": "Fine.",
            "role_2": "user",
            "content_2": "{{ no }",
        },
    )

    assert answer.status == 422
    assert errors(answer) == [
        "Has {{ at character 0 that begins no variable; write \\{{ for braces"
    ]
    wrong = re.findall(r'name="(\w+)"[^>]*aria-invalid', page(answer))
    assert wrong == ["content_2"]
    assert Prompt.objects.count() == 0


def test_create_without_a_message(at_admin, organization):
    answer = at_admin.post("/console/prompts/new", {"name": "greet", "rows": "2"})

    assert (answer.status, errors(answer)) == (422, ["Must hold 1 to 50 messages"])


def test_one_more_message_keeps_what_was_written(at_admin, organization):
    answer = at_admin.post(
        "/console/prompts/new", {"name": "", "rows": "2", "content_0": "Kept.", "more": "1"}
    )

    html = page(answer)
    assert answer.status == 200
    assert "Kept.</textarea>" in html
    assert 'name="content_2"' in html
    assert 'name="rows" value="3"' in html
    assert Prompt.objects.count() == 0


def test_new_version_begins_with_another(at_admin, prompt):
    where = "/console/prompts/greet/versions/new?from=1"
    assert "Hello {{who}}.</textarea>" in page(at_admin.get(where))

    answer = at_admin.post(
        where,
        {
            "rows": "2",
            "role_0": "system",
            "content_0": "Hi {{who}}.",
            "labels": "production",
            "note": "Shorter.",
            "revision": prompt.revision,
        },
    )

    assert answer.headers["location"] == "/console/prompts/greet?version=4"
    assert toasts(at_admin) == ["It is kept as v4."]
    assert labels(prompt) == {"production": 4}
    assert PromptVersion.objects.get(number=4).note == "Shorter."


def test_new_version_of_what_changed_meanwhile_is_refused(at_admin, prompt):
    answer = at_admin.post(
        "/console/prompts/greet/versions/new",
        {"rows": "2", "role_0": "system", "content_0": "Hi.", "revision": 7},
    )

    assert (answer.status, len(notices(answer))) == (412, 1)
    assert prompt.versions.count() == 3


def test_label_is_moved(at_admin, prompt):
    form = {"label": "production", "version": "3", "revision": prompt.revision}

    answer = at_admin.post("/console/prompts/greet/label", form)

    assert answer.headers["location"] == "/console/prompts/greet"
    assert toasts(at_admin) == ["“production” names v3 now."]
    assert labels(prompt) == {"production": 3}


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"label": "latest"}, ["Latest is always the newest version"]),
        ({"label": "No Good"}, ["Must be small letters, digits, _ and -, the first a letter"]),
        ({"label": "staging", "version": "9"}, None),
    ],
)
def test_label_that_is_wrong(form, told, at_admin, prompt):
    sent = {"version": "1", "revision": prompt.revision, **form}

    answer = at_admin.post("/console/prompts/greet/label", sent)

    assert answer.status == 422
    assert len(errors(answer)) == 1
    assert told is None or errors(answer) == told
    assert labels(prompt) == {"production": 2}


def test_label_is_taken_away(at_admin, prompt):
    at_admin.post("/console/prompts/greet/unlabel", {"label": "production"})

    assert labels(prompt) == {}


def test_label_that_a_route_goes_by_stays(at_admin, prompt, organization):
    make_route(organization, name="chat", prompt="greet@production")

    at_admin.post("/console/prompts/greet/unlabel", {"label": "production"})

    assert toasts(at_admin) == ["It is the prompt of: chat."]
    assert labels(prompt) == {"production": 2}


def test_viewer_moves_nothing(at_viewer, prompt):
    form = {"label": "production", "version": "3", "revision": prompt.revision}

    assert at_viewer.post("/console/prompts/greet/label", form).status == 403
    assert "Move the label" not in page(at_viewer.get("/console/prompts/greet"))
    assert labels(prompt) == {"production": 2}


def test_remove(at_admin, prompt):
    answer = at_admin.post("/console/prompts/greet/remove")

    assert answer.headers["location"] == "/console/prompts"
    assert Prompt.objects.count() == 0


def test_prompt_called_new_has_a_page(at_admin, organization):
    made = make_prompt(organization, name="new")

    html = page(at_admin.get("/console/prompts"))

    assert f'href="/console/prompts/{made.public_id}"' in html
    assert title(at_admin.get(f"/console/prompts/{made.public_id}")) == "new"
