from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from apps.approvals.domain import evidence
from apps.core.errors import Invalid

WHOLE: dict[str, Any] = {
    "kind": "model.promotion",
    "subject": "mver_1",
    "changes": [{"label": "Production", "before": 3, "after": 4}],
    "evidence": [{"claim": "Genauigkeit ≥ 90 %", "value": 0.912}],
    "payload": {"version": 4},
}


def test_hash_is_what_anybody_computes_from_the_answer():
    text = json.dumps(WHOLE, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert evidence.hash_of(**WHOLE) == hashlib.sha256(text.encode()).hexdigest()


def test_hash_does_not_depend_on_the_order_of_fields():
    turned = {name: WHOLE[name] for name in reversed(WHOLE)}
    turned["changes"] = [{"after": 4, "before": 3, "label": "Production"}]

    assert evidence.hash_of(**turned) == evidence.hash_of(**WHOLE)


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "rollout.start"},
        {"subject": "mver_2"},
        {"changes": [{"label": "Production", "before": 3, "after": 5}]},
        {"evidence": [{"claim": "Genauigkeit ≥ 90 %", "value": 0.913}]},
        {"evidence": []},
        {"payload": {"version": 5}},
    ],
)
def test_hash_changes_with_everything_that_is_decided_on(changed):
    assert evidence.hash_of(**{**WHOLE, **changed}) != evidence.hash_of(**WHOLE)


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([{}], "evidence.0.claim"),
        ([{"claim": 7}], "evidence.0.claim"),
        ([{"claim": "a", "colour": "red"}], "evidence.0.colour"),
        ([{"claim": "a"}, {"claim": "b", "verdict": "fine"}], "evidence.1.verdict"),
        ([{"claim": "a", "url": "https://example.com"}], "evidence.0.url"),
        ([{"claim": "a", "url": "//example.com"}], "evidence.0.url"),
        ([{"claim": "a", "url": "javascript:alert(1)"}], "evidence.0.url"),
        ([{"claim": "a", "value": float("nan")}], "evidence"),
        ([{"claim": "a", "value": float("inf")}], "evidence"),
        ([{"claim": "a", "value": {1}}], "evidence"),
        ([{"claim": "a\x00"}], "evidence"),
        ([{"claim": "a\ud800"}], "evidence"),
        (["a"], "evidence"),
        ([{"claim": "a"}] * 101, "evidence"),
        ([{"claim": "a" * 300_000}], "evidence"),
    ],
)
def test_check_evidence_names_what_is_wrong(items, field):
    with pytest.raises(Invalid) as refused:
        evidence.check_evidence(items)

    assert [each.field for each in refused.value.fields] == [field]


def test_check_evidence_answers_a_copy():
    item = {"claim": "a", "value": 1.5, "url": "/console/jobs"}

    kept = evidence.check_evidence((item,))
    item["value"] = 2

    assert kept == [{"claim": "a", "value": 1.5, "url": "/console/jobs"}]


@pytest.mark.parametrize(("given", "kept"), [(1e22, 10**22), (-0.0, 0.0), (0.5, 0.5), (3, 3)])
def test_numbers_are_spelt_as_every_database_gives_them_back(given, kept):
    (item,) = evidence.check_evidence([{"claim": "a", "value": given}])

    assert json.dumps(item["value"]) == json.dumps(kept)


@pytest.mark.parametrize(
    ("changes", "field"),
    [([{"before": 1}], "changes.0.label"), ([{"label": "a", "old": 1}], "changes.0.old")],
)
def test_check_changes_names_what_is_wrong(changes, field):
    with pytest.raises(Invalid) as refused:
        evidence.check_changes(changes)

    assert [each.field for each in refused.value.fields] == [field]
