"""`redact`: secrets and personal data, found by their looks; masked, or the call refused.

Every expression is linear: nothing repeated stands beside something that could match the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from apps.providers.domain.guardrails.protocol import (
    ON,
    read_choice,
    read_choices,
    refuse_unknown,
)
from apps.providers.errors import GuardrailRefused

ACTIONS = ("mask", "refuse")
REACH = 160

_EXPRESSIONS: dict[str, str] = {
    "secret": (
        r"(?<![A-Za-z0-9])(?:sk-|ltb_|aqe_|whsec_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|hf_|AIza)"
        r"[A-Za-z0-9_\-]{16,200}+"
        r"|(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"
        r"|eyJ[\w-]{8,600}+\.[\w-]{8,600}+\.[\w-]{0,600}+"
        r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,8000}+(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?"
    ),
    "email": r"(?<![\w.+-])[\w.+-]{1,64}+@(?:[A-Za-z0-9-]{1,63}+\.){1,8}[A-Za-z]{2,24}(?![\w-])",
    "card": r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])",
    "iban": r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Z0-9])",
    "phone": r"(?<![\d\w+])(?:\+|00)\d{1,3}(?:[ .()/-]{0,2}\d){6,12}(?!\d)",
    "ssn": r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])",
}
KINDS = tuple(_EXPRESSIONS)


class Redact:
    """Finds what `kinds` name."""

    reach = REACH

    def __init__(self, kinds: tuple[str, ...], *, refuses: bool) -> None:
        # Numbers of cards and accounts before telephones: the longer meaning wins.
        named = [f"(?P<{kind}>{_EXPRESSIONS[kind]})" for kind in KINDS if kind in kinds]
        self._found = re.compile("|".join(named))
        self._refuses = refuses

    def check(self, text: str) -> str:
        return self._found.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        is_real = _PROOFS.get(kind)
        if is_real is not None and not is_real(match[0]):
            return match[0]
        if self._refuses:
            raise GuardrailRefused(f"The text holds what looks like {_NAMES[kind]}.")
        return f"[{kind}]"


def make(options: Mapping[str, Any]) -> Redact:
    refuse_unknown(options, ("kinds", "action", "on"))
    read_choices(options, "on", ON)
    action = read_choice(options, "action", ACTIONS)
    return Redact(read_choices(options, "kinds", KINDS), refuses=action == "refuse")


def is_card(text: str) -> bool:
    """By Luhn's sum, so that order numbers are left alone."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """By its check digits."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


_PROOFS: dict[str, Callable[[str], bool]] = {"card": is_card, "iban": is_iban}
_NAMES = {
    "secret": "a secret",
    "email": "an e-mail address",
    "card": "a card number",
    "iban": "an account number",
    "phone": "a telephone number",
    "ssn": "a social security number",
}
