"""YAML configuration: its nested names stand for the flat variables of the environment, by one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

NAMES: dict[str, str] = {
    "server.host": "api_host",
    "server.port": "api_port",
    "server.workers": "api_workers",
    "server.log_level": "api_log_level",
    "authentication.api_key_header": "api_key_header",
    "authentication.jwt_enabled": "jwt_enabled",
    "rate_limiting.enabled": "rate_limit_enabled",
    "rate_limiting.default_limit": "rate_limit_requests",
    "rate_limiting.window_seconds": "rate_limit_window",
    "models.cache_ttl_seconds": "model_cache_ttl",
    "models.timeout_seconds": "prediction_timeout",
    "models.max_batch_size": "batch_size_limit",
    "monitoring.metrics_enabled": "metrics_enabled",
    "monitoring.log_predictions": "log_predictions",
}

# Names of the wider product's files whose rooms are not built yet, and switches without a meaning here: read, not used.
QUIET = frozenset(
    {
        "server.reload",
        "authentication.enabled",
        "rate_limiting.storage",
        "monitoring.trace_requests",
        "alerts",
    }
)


class YamlFiles(PydanticBaseSettingsSource):
    """The files of `SIGNALBOX_CONFIG` (comma-separated), later ones winning."""

    def __init__(self, settings_cls: type[BaseSettings], paths: str) -> None:
        super().__init__(settings_cls)
        self._values: dict[str, Any] = {}
        for path in filter(None, (part.strip() for part in paths.split(","))):
            self._values |= _read(Path(path), set(settings_cls.model_fields))

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._values


def _read(path: Path, fields: set[str]) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - a megabyte, for the few who have such files

    try:
        tree = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SystemExit(f"SIGNALBOX_CONFIG: {error.strerror}: {path}") from None
    except yaml.YAMLError as error:
        raise SystemExit(f"SIGNALBOX_CONFIG: {path} is not YAML: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SystemExit(f"SIGNALBOX_CONFIG: {path} must hold a mapping")
    return _flatten(path, tree, fields)


def _flatten(path: Path, tree: dict[str, Any], fields: set[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for section, content in tree.items():
        if str(section).lower() in fields:
            values[str(section).lower()] = content
            continue
        items = (
            {f"{section}.{key}": value for key, value in content.items()}
            if isinstance(content, dict)
            else {section: content}
        )
        for name, value in items.items():
            if name == "authentication.enabled" and value is False:
                raise SystemExit(
                    f"{path}: authentication.enabled: false is refused: every door needs a credential"
                )
            if name in NAMES:
                values[NAMES[name]] = value
            elif name not in QUIET:
                raise SystemExit(
                    f"{path}: unknown name {name!r}; known: {', '.join(sorted([*NAMES, *QUIET]))}"
                )
    return values
