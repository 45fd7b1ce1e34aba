"""What the kinds of providers are called on pages, in the groups a person chooses from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.providers.enums import ProviderKind as Kind


@dataclass(frozen=True, slots=True)
class Words:
    name: str | Promise
    sentence: Promise


KINDS: Mapping[Kind, Words] = {
    Kind.OPENAI: Words("OpenAI", _("Their API, with a key of your account.")),
    Kind.ANTHROPIC: Words("Anthropic", _("Claude, in Anthropic's own words or OpenAI's.")),
    Kind.GEMINI: Words("Google Gemini", _("The Gemini API, with a key of AI Studio.")),
    Kind.AZURE_OPENAI: Words("Azure OpenAI", _("A resource of yours; its address is needed.")),
    Kind.VLLM: Words("vLLM", _("A vLLM server you run.")),
    Kind.SGLANG: Words("SGLang", _("An SGLang server you run.")),
    Kind.TGI: Words("TGI", _("Hugging Face's text-generation-inference.")),
    Kind.OLLAMA: Words("Ollama", _("Models on a machine of yours.")),
    Kind.LLAMA_CPP: Words("llama.cpp", _("The llama.cpp server.")),
    Kind.OPENAI_COMPATIBLE: Words(
        _("OpenAI-compatible"), _("Anything else that speaks OpenAI's words.")
    ),
    Kind.LOCAL: Words(_("Local"), _("A small real model, run by Signalbox on this machine.")),
    Kind.SIMULATED: Words(
        _("Simulated"), _("No model at all: answers made up by rule, to try things with.")
    ),
}
GROUPS: tuple[tuple[Promise, tuple[Kind, ...]], ...] = (
    (_("Hosted"), (Kind.OPENAI, Kind.ANTHROPIC, Kind.GEMINI, Kind.AZURE_OPENAI)),
    (
        _("Servers of your own"),
        (
            Kind.VLLM,
            Kind.SGLANG,
            Kind.TGI,
            Kind.OLLAMA,
            Kind.LLAMA_CPP,
            Kind.OPENAI_COMPATIBLE,
        ),
    ),
    (_("On this machine"), (Kind.LOCAL, Kind.SIMULATED)),
)


def kind_name(kind: str) -> Any:
    return KINDS[Kind(kind)].name


def read_kind(word: str) -> Kind | None:
    """The kind a word names, if any."""
    return Kind(word) if word in list(Kind) else None
