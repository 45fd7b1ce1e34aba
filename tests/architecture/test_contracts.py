"""The import contracts of pyproject.toml, tried on a small tree: each wrong import breaks its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.rig.environment import ROOT

CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
APPS = [layer for layer in CONTRACTS["apps"]["layers"] if not layer.startswith("(")]
APPS += [name.removeprefix("apps.") for name in CONTRACTS["inside"]["containers"]]
KEYS = ["rest/views", "graphql", "ws", "tasks", "receivers", "services", "queries", "permissions",
        "models", "domain/pace", "enums", "errors"]  # fmt: skip
CLEAN = {
    "config/asgi.py": "from apps.keys import rest, tasks",
    "apps/console/views.py": "from apps.keys import services",
    "apps/keys/rest/views.py": "from apps.keys import services\nfrom apps.core import rest",
    "apps/keys/services.py": "from apps.keys import models, queries",
    "apps/core/rest.py": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    files = [f"apps/{app}/__init__.py" for app in APPS] + [f"apps/keys/{name}.py" for name in KEYS]
    for name in ["apps/__init__.py", "config/__init__.py", *files, *CLEAN]:
        write(tmp_path, name, CLEAN.get(name, ""))
    return tmp_path


def test_clean_tree_keeps_every_contract(tree: Path):
    assert broken(tree) == []


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("apps/core/bus.py", "from config import asgi", "top"),
        ("apps/core/bus.py", "from apps.keys import services", "apps"),
        ("apps/tenants/services.py", "from apps.keys import services", "apps"),
        ("apps/unplaced/__init__.py", "", "apps"),
        ("apps/keys/services.py", "from apps.keys import tasks", "inside"),
        ("apps/keys/domain/pace.py", "from apps.keys import models", "inside"),
        ("apps/keys/unplaced.py", "", "inside"),
        ("apps/keys/services.py", "import rest_framework", "transport"),
        ("apps/keys/queries.py", "from channels import layers", "transport"),
        ("apps/console/views.py", "from apps.keys.rest import views", "private"),
        ("apps/console/views.py", "from apps.keys import tasks", "private"),
    ],
)
def test_wrong_import_breaks_its_contract(tree: Path, module: str, line: str, contract: str):
    write(tree, module, line)

    assert contract in broken(tree)


def broken(tree: Path) -> list[str]:
    """The ids of the contracts the tree breaks: all at once first, one by one when that fails."""
    if keeps(tree):
        return []
    return [name for name in CONTRACTS if not keeps(tree, name)]


def keeps(tree: Path, *contracts: str) -> bool:
    words = [word for name in contracts for word in ("--contract", name)]
    return (
        subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache", *words],
            cwd=tree,
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )


def write(tree: Path, name: str, text: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if path.parent.name in {"rest", "domain"}:
        (path.parent / "__init__.py").touch()
