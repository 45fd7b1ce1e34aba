"""Every kind has its terms, and takes the options that its adapter reads."""

from __future__ import annotations

import pytest

from apps.core.errors import Invalid
from apps.providers.adapters.registry import OWN_TRANSPORT, adapter_for
from apps.providers.adapters.simulated.settings import _BOUNDS
from apps.providers.domain.kinds import KINDS, check_options
from apps.providers.enums import ProviderKind

pytestmark = pytest.mark.unit


def test_every_kind_has_terms_and_an_adapter() -> None:
    assert set(KINDS) == set(ProviderKind)
    assert {kind: adapter_for(kind).kind for kind in ProviderKind} == {
        kind: kind for kind in ProviderKind
    }


def test_a_kind_is_remote_unless_it_brings_its_own_transport() -> None:
    assert {kind for kind, terms in KINDS.items() if not terms.is_remote} == set(OWN_TRANSPORT)


def test_the_simulated_kind_takes_what_its_settings_read() -> None:
    options = KINDS[ProviderKind.SIMULATED].options

    assert {name: (option.least, option.most) for name, option in options.items()} == dict(_BOUNDS)


def test_check_options_names_each_wrong_one() -> None:
    with pytest.raises(Invalid) as caught:
        check_options(ProviderKind.OPENAI, {"project": "é", "organization": "o", "x": 1})

    assert [error.field for error in caught.value.fields] == ["options.project", "options.x"]
