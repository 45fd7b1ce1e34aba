"""What we depend on: each with a reason, each locked by hash, and the lock in step with the list."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rig.environment import ROOT

FOLDER = ROOT / "requirements"
GROUPS = ["base", "dev", "ml"]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")
FEWEST_WORDS = 2  # of a reason


@pytest.mark.parametrize("group", GROUPS)
def test_every_direct_dependency_has_its_reason(group):
    silent = [line for line in _lines(group) if len(line.partition("#")[2].split()) < FEWEST_WORDS]

    assert silent == []


@pytest.mark.parametrize("group", GROUPS)
def test_no_dependency_is_listed_twice(group):
    names = [_requirement(line).name for line in _lines(group)]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("group", GROUPS)
def test_lock_carries_a_hash_for_every_pin(group):
    entries = re.split(r"\n(?=\S)", (FOLDER / f"{group}.txt").read_text().strip())

    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert [entry.splitlines()[0] for entry in entries if not PIN.match(entry)] == []


@pytest.mark.parametrize("group", GROUPS)
def test_lock_names_no_address(group):
    text = (FOLDER / f"{group}.txt").read_text()

    assert re.findall(r"\S*(?:://|--index-url|--find-links| @ )\S*", text) == []


@pytest.mark.parametrize("group", GROUPS)
def test_lock_is_in_step_with_the_list(group):
    pins = _pins(group)
    wanted = [_requirement(line) for line in _lines(group)]

    missing = [item.name for item in wanted if canonicalize_name(item.name) not in pins]
    assert missing == [], "make lock"
    outside = [
        f"{item} but locked at {sorted(pins[canonicalize_name(item.name)])}"
        for item in wanted
        if not any(map(item.specifier.contains, pins[canonicalize_name(item.name)]))
    ]
    assert outside == [], "make lock"


@pytest.mark.parametrize("group", GROUPS)
def test_lock_holds_nothing_the_list_does_not_ask_for(group):
    text = (FOLDER / f"{group}.txt").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    direct = {_pin_name(entry) for entry in entries if f"-r {group}.in" in entry}

    assert direct == {canonicalize_name(_requirement(line).name) for line in _lines(group)}


def test_both_locks_agree():
    base, dev = _pins("base"), _pins("dev")

    assert {name: dev[name] for name in base.keys() & dev.keys() if dev[name] != base[name]} == {}


def _lines(group: str) -> list[str]:
    lines = (FOLDER / f"{group}.in").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith(("#", "-"))]


def _requirement(line: str) -> Requirement:
    return Requirement(line.partition("#")[0].strip())


def _pin_name(entry: str) -> str:
    found = PIN.match(entry)
    assert found, entry
    return canonicalize_name(found[1])


def _pins(group: str) -> dict[str, set[str]]:
    """Versions by name: more than one where platforms differ."""
    pins: dict[str, set[str]] = {}
    for line in (FOLDER / f"{group}.txt").read_text().splitlines():
        if found := PIN.match(line):
            pins.setdefault(canonicalize_name(found[1]), set()).add(found[2])
    return pins
