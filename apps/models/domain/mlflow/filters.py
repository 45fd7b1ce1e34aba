"""The filter strings of MLflow's searches: `name = 'churn'`, `name LIKE 'churn%' AND tags.team = 'x'`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from apps.core.errors import Invalid

LONGEST = 2000
MOST_TERMS = 20
# Possessive in the list: a wrong one is refused at once, not after each way to share out its spaces.
_TERM: Final = re.compile(
    r"\s*(?P<key>tags?\.(?:`[^`]{1,250}`|\"[^\"]{1,250}\"|[\w.-]{1,250})|\w+|`\w+`)"
    r"\s*(?P<operator>!=|>=|<=|=|>|<|ILIKE\b|LIKE\b|IN\b)"
    r"\s*(?P<value>'[^']*'|\"[^\"]*\"|-?\d{1,18}|\(\s*(?:'[^']*+'\s*+,?\s*+){1,100}\))\s*",
    re.IGNORECASE,
)
_AND: Final = re.compile(r"AND\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Term:
    """`key` in small letters, but for a tag's own name after `tags.`; `values` has several for IN alone."""

    key: str
    operator: str
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        return self.values[0]


def read_filter(text: str) -> list[Term]:
    """Raises `Invalid` for what is no filter; which keys and operators may be, the search says."""
    if len(text) > LONGEST:
        raise Invalid.field("filter", f"must have {LONGEST} characters at most", "length")
    if not text.strip():
        return []
    terms: list[Term] = []
    at = 0
    while True:
        found = _TERM.match(text, at)
        if found is None or len(terms) == MOST_TERMS:
            raise Invalid.field("filter", "is no filter: write name = 'churn' AND …", "syntax")
        terms.append(_term(found))
        at = found.end()
        if at == len(text):
            return terms
        joint = _AND.match(text, at)
        if joint is None:
            raise Invalid.field("filter", "has terms that AND does not join", "syntax")
        at = joint.end()


def _term(found: re.Match[str]) -> Term:
    head, dot, rest = found["key"].partition(".")
    name = head.strip("`").lower()
    key = f"tags.{rest.strip('`').strip(chr(34))}" if dot else name
    operator, raw = found["operator"].upper(), found["value"]
    if raw.startswith("("):
        values = tuple(re.findall(r"'([^']*)'", raw))
    else:
        values = (raw.strip("'\"") if raw[0] in "'\"" else raw,)
    if raw.startswith("(") != (operator == "IN"):
        raise Invalid.field("filter", "has a list where IN is not, or IN without one", "syntax")
    return Term(key, operator, values)
