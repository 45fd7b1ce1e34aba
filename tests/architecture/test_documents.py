"""Documents that can be compared with the code are compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.source import forbid
from tests.rig.environment import ROOT, declared_variables, direct_variables

ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
ADR_NAME = re.compile(r"(\d{4})-([a-z0-9-]+)\.md")
ADR_PARTS = ["Context", "Decision", "Consequences", "Alternatives"]
MOST_ADR_WORDS = 400
# Variables of Django and of make: documented, but not read by config/.
OTHERS = {"DJANGO_SETTINGS_MODULE", "PORT"}
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *(ROOT / "docs").rglob("*.md")]
    if not {".venv", "node_modules", "var", "seeds"} & set(path.relative_to(ROOT).parts)
)


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_decision_has_its_number_its_title_and_its_parts(path: Path):
    name = ADR_NAME.fullmatch(path.name)
    assert name, "NNNN-title-in-words.md"
    text = path.read_text()
    number, title = text.splitlines()[0].removeprefix("# ").split(" ", 1)

    assert number == name[1]
    assert re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") == name[2]
    assert re.findall(r"^## (\w+)", text, re.MULTILINE) == ADR_PARTS
    assert len(text.split()) <= MOST_ADR_WORDS


def test_decisions_are_numbered_without_gap_or_repetition():
    assert [path.name[:4] for path in ADRS] == [f"{n:04}" for n in range(1, len(ADRS) + 1)]


def test_decisions_have_different_titles():
    titles = [path.name[5:] for path in ADRS]

    assert sorted(set(titles)) == sorted(titles)


def test_env_example_lists_every_variable():
    listed = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", _text(".env.example"), re.MULTILINE)

    _compare(listed, ".env.example")


def test_configuration_document_explains_every_variable():
    rows = re.findall(r"^\| *(`[^|]*`) *\|", _text("docs/configuration.md"), re.MULTILINE)
    explained = [name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)]

    _compare(explained, "docs/configuration.md")


def test_changelog_has_a_place_for_what_is_not_released():
    assert re.search(r"^## \[?Unreleased\]?$", _text("CHANGELOG.md"), re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path: Path):
    prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!https?:|mailto:|#|/)([^)#\s]+)", prose)

    forbid(
        [target for target in targets if not (path.parent / target).exists()],
        f"{path.relative_to(ROOT)} links to what is not there:",
    )


def test_every_make_verb_in_the_documents_exists():
    verbs = set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))
    named = {
        verb
        for path in DOCUMENTS
        for words in re.findall(r"(?:`|\$ )make ((?:[a-z-]+ ?)+)", path.read_text())
        for verb in words.split()
    }

    forbid(named - verbs, "the documents name verbs the Makefile lacks:")


def _compare(names: list[str], document: str) -> None:
    read = _variables()
    forbid(read - set(names), f"read by config/ but not in {document}:")
    forbid(set(names) - read - OTHERS, f"in {document} but read by nobody:")
    forbid({name for name in names if names.count(name) > 1}, f"more than once in {document}:")


def _variables() -> set[str]:
    files = {name for name in direct_variables() if name.endswith("_FILE")}
    return (set(declared_variables()) | direct_variables()) - files - OTHERS


def _text(name: str) -> str:
    return (ROOT / name).read_text()
