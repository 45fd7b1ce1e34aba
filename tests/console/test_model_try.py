"""The form that tries a model: made of its schema, for the version that is asked for, with the call a program would make."""

from __future__ import annotations

import json
import re

import pytest

from apps.console.feature_fields import MOST_FIELDS, feature_words, fields_of, first_values
from tests.factories.console import page, title
from tests.factories.models import make_model, make_version

SCHEMA = {
    "tenure": {"type": "integer", "min": 0, "max": 100},
    "charges": {"type": "number", "min": 0.5},
    "contract": {"type": "string", "enum": ["Monthly", "Two year"]},
    "level": {"type": "integer", "enum": [1, 2, 3], "required": False},
    "note": {"type": "string", "required": False},
    "is_new": {"type": "boolean", "default": True},
    "is_odd": {"type": "boolean", "required": False},
}
pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def files_apart(settings, tmp_path):
    settings.SIGNALBOX_DATA_DIR = tmp_path


@pytest.fixture
def model(organization):
    model = make_model(organization, name="churn")
    schema = [[name, spec] for name, spec in SCHEMA.items()]
    example = {"tenure": 12, "charges": 65.0, "contract": "Two year"}
    make_version(
        model, label="1.0", stage="Production", features=schema, input_example=example, alias="main"
    )
    make_version(model, label="1.1", features=[["tenure", {"type": "integer", "max": 9}]])
    make_version(model, label="1.2", status="checking")
    return model


def data(answer, name):
    return re.search(rf'data-{name}="(.*?)"', answer.body.decode()).group(1).replace("&quot;", '"')


def options(answer):
    select = re.search(r'<select name="version">(.*?)</select>', page(answer)).group(1)
    return re.findall(r"<option [^>]*>(.*?)</option>", select)


def curl(answer):
    return re.search(r"<code>(curl.*?)</code>", page(answer), re.DOTALL).group(1)


def test_form_is_made_of_the_schema_of_what_serves(at_user, model):
    answer = at_user.get("/console/models/churn/try")

    assert title(answer) == "churn"
    assert re.findall(r'data-feature="(\w+)"', page(answer)) == list(SCHEMA)
    assert data(answer, "url") == "/predict/churn"
    assert json.loads(data(answer, "names")) == list(SCHEMA)
    assert json.loads(data(answer, "defaults")) == {"is_new": True}


def test_versions_to_choose_from_are_those_that_can_answer(at_user, model):
    answer = at_user.get("/console/models/churn/try")

    assert options(answer) == [
        "In production: 1.0", "@main → 1.0", "1.1", "1.0 · Production",
    ]  # fmt: skip


def test_another_version_has_its_own_form(at_user, model):
    answer = at_user.get("/console/models/churn/try?version=1.1")

    assert re.findall(r'data-feature="(\w+)"', page(answer)) == ["tenure"]
    assert data(answer, "url") == "/predict/churn?version=1.1"


def test_an_alias_is_asked_by_its_name(at_user, model):
    answer = at_user.get("/console/models/churn/try?version=@main")

    assert data(answer, "url") == "/predict/churn?version=@main"


@pytest.mark.parametrize("tag", ["1.2", "9.9", "@none", "../1.0"])
def test_a_version_that_cannot_answer_is_missing(tag, at_user, model):
    assert at_user.get(f"/console/models/churn/try?version={tag}").status == 404


def test_curl_holds_the_first_values_and_can_be_pasted(at_user, model):
    text = curl(at_user.get("/console/models/churn/try?version=1.1"))

    first, *_, body = text.split(" \\\n")
    assert first.startswith("curl -X POST 'http://")
    assert first.endswith("/predict/churn?version=1.1&explain=true'")
    assert body == """  -d '{"features": {"tenure": 9}}'"""


def test_without_a_script_a_sentence_says_what_to_do(at_user, model):
    html = page(at_user.get("/console/models/churn/try"))

    found = re.search(r'<div class="without-script">(.*?)<section', html, re.DOTALL)
    assert "Without one, the call below does the same." in found.group(1)


def test_a_model_without_versions_says_what_to_do(at_user, organization):
    make_model(organization, name="empty")

    html = page(at_user.get("/console/models/empty/try"))

    assert "No version can answer yet" in html
    assert 'href="/console/models/empty/versions/new"' in html
    assert "data-try" not in html


def test_a_long_schema_is_written_as_json(at_user, organization):
    model = make_model(organization, name="wide")
    schema = [[f"f{number}", {"type": "number"}] for number in range(MOST_FIELDS + 1)]
    make_version(model, features=schema)

    html = page(at_user.get("/console/models/wide/try"))

    text = re.search(r"data-features-text[^>]*>(.*?)</textarea>", html, re.DOTALL).group(1)
    assert len(json.loads(text)) == MOST_FIELDS + 1
    assert "data-feature=" not in html


def test_a_hostile_feature_stays_text(at_user, organization):
    model = make_model(organization, name="odd")
    name = '"><script>alert(1)</script>'
    make_version(model, features=[[name, {"type": "string", "enum": ["</select><b>"]}]])

    raw = at_user.get("/console/models/odd/try").body.decode()

    assert "<script>alert" not in raw
    assert "<b>" not in raw


def test_first_values_are_the_example_then_defaults_then_what_is_usual():
    assert first_values(SCHEMA, {"tenure": 12}) == {
        "tenure": 12,
        "charges": 0.5,
        "contract": "Monthly",
        "is_new": True,
    }


def test_fields_hold_what_may_be_put_there():
    found = {each["name"]: each for each in fields_of(SCHEMA, {"tenure": 12.0, "level": 2})}

    tenure = found["tenure"]
    assert (tenure["kind"], tenure["value"], tenure["step"]) == ("number", "12", "1")
    assert (tenure["min"], tenure["max"], tenure["is_required"]) == ("0", "100", True)
    assert tenure["help"] == "Whole number, 0 to 100"
    assert (found["charges"]["step"], found["charges"]["help"]) == ("any", "At least 0.5")
    assert [each["value"] for each in found["contract"]["options"]] == ['"Monthly"', '"Two year"']
    assert [each["value"] for each in found["level"]["options"]] == ["", "1", "2", "3"]
    assert [each.get("is_selected") for each in found["level"]["options"]] == [
        None, False, True, False,
    ]  # fmt: skip
    assert (found["is_new"]["kind"], found["is_new"]["help"]) == ("check", "Left out, it is yes")
    assert [each["value"] for each in found["is_odd"]["options"]] == ["", "true", "false"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"type": "integer", "min": 0, "max": 9}, "integer, 0 … 9"),
        ({"type": "boolean", "default": False}, "boolean, default no"),
        (
            {"type": "string", "enum": ["a", "b"], "required": False},
            "string, one of: a, b, optional",
        ),
    ],
)
def test_feature_words(spec, words):
    assert feature_words(spec) == words
