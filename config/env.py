"""The one reader of the environment and of the YAML files: typed, `NAME_FILE` secrets, a helpful failure.

The environment wins over YAML, YAML over the defaults here. `docs/configuration.md` and `.env.example` list every
variable; a test compares them with this file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.yaml_source import YamlFiles

ROOT = Path(__file__).resolve().parent.parent


class FileSecrets(PydanticBaseSettingsSource):
    """`SECRET_KEY_FILE=/run/secrets/key` stands for the file's content."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except OSError as error:
            raise SystemExit(f"{field_name.upper()}_FILE: {error.strerror}: {path}") from None

    def __call__(self) -> dict[str, Any]:
        values = {
            name: self.get_field_value(None, name)[0] for name in self.settings_cls.model_fields
        }
        return {name: value for name, value in values.items() if value is not None}


class Environment(BaseSettings):
    """Every variable, under the name the outside uses (upper case)."""

    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore", env_ignore_empty=True)

    secret_key: str = ""
    jwt_secret_key: str = ""
    signalbox_key_pepper: str = ""
    signalbox_master_key: str = ""
    metrics_token: str = ""

    database_url: str = ""
    redis_url: str = ""
    celery_broker_url: str = ""
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    public_url: str = ""

    signalbox_data_dir: Path = ROOT / "var"
    signalbox_config: str = ""
    signalbox_allowed_private_hosts: str = Field(
        default="", pattern=r"^\s*((\[[0-9A-Fa-f:.]+\]|[^\s,:\[\]]+):[0-9]{1,5}\s*(,\s*|$))*$"
    )
    signalbox_trusted_proxies: int = Field(default=0, ge=0, le=10)
    signalbox_pool_threads: int = Field(default=8, ge=1, le=200)
    signalbox_access_log: str = ""
    signalbox_shutdown_grace: int = Field(default=20, ge=1)
    signalbox_key_prefix: str = Field(default="ltb_", pattern=r"^[a-z]{2,8}_$")
    signalbox_key_hash: str = Field(default="hmac", pattern="^(hmac|bcrypt)$")
    signalbox_secure_cookies: bool = False
    signalbox_event_retention_days: float = Field(default=7, gt=0)
    signalbox_capture_days: float = Field(default=7, gt=0)
    signalbox_graphql_call_seconds: float = Field(default=120, gt=0, le=3600)
    signalbox_keep_alive_seconds: float = Field(default=15, ge=0.1, le=3600)
    signalbox_upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1024, le=1024**3)
    signalbox_webhook_time_scale: float = Field(default=1.0, gt=0, le=1)
    signalbox_event_rows: int = Field(default=100_000, ge=100)
    signalbox_embedded_worker: bool = True
    signalbox_job_threads: int = Field(default=8, ge=1, le=200)
    signalbox_job_lease: float = Field(default=30, ge=0.5, le=600)
    signalbox_job_queue_limit: int = Field(default=20_000, ge=1)
    signalbox_job_retention_days: float = Field(default=30, gt=0)
    signalbox_job_public_status: bool = True
    signalbox_approval_days: float = Field(default=7, gt=0, le=90)
    signalbox_usage_retention_days: float = Field(default=90, gt=0)

    signalbox_s3_bucket: str = ""
    signalbox_s3_url: str = Field(default="", pattern=r"^(https?://[^\s/?#]+/?)?$")
    signalbox_s3_region: str = ""
    signalbox_s3_access_key: str = ""
    signalbox_s3_secret_key: str = ""
    signalbox_s3_prefix: str = Field(default="", pattern=r"^([A-Za-z0-9._-]+/)*$")

    local_llm: bool = True
    signalbox_local_model: str = ""
    signalbox_local_idle: float = Field(default=900, ge=0)
    model_cache_ttl: float = Field(default=3600, ge=1)
    prediction_timeout: float = Field(default=30, ge=0.1, le=600)
    batch_size_limit: int = Field(default=1000, ge=1, le=10_000)
    log_predictions: bool = True
    cache_predictions: bool = True
    cache_ttl_seconds: float = Field(default=300, ge=0)
    auto_warm_models: bool = True
    warm_threshold_requests_per_hour: int = Field(default=10, ge=1)
    signalbox_model_memory_mb: int = Field(default=1024, ge=16)
    signalbox_model_workers: int = Field(default=2, ge=1, le=32)
    signalbox_model_worker_memory_mb: int = Field(default=2048, ge=128)
    signalbox_prediction_retention_days: float = Field(default=90, gt=0)

    port: int = Field(default=0, ge=0, le=65535)
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=1, le=65535)
    api_workers: int = Field(default=1, ge=1, le=64)
    api_log_level: str = Field(default="info", pattern="(?i)^(debug|info|warning|error|critical)$")
    api_key_header: str = "X-API-Key"

    rate_limit_enabled: bool = True
    # Bounds of core.limits.rates: every hit is remembered for its window. Of calls a second, ten seconds are.
    rate_limit_requests: int = Field(default=100, ge=1, le=100_000)
    rate_limit_window: int = Field(default=60, ge=1, le=30 * 86_400)
    rate_limit_rps: int = Field(default=0, ge=0, le=10_000)
    rate_limit_burst: int = Field(default=0, ge=0, le=90_000)

    jwt_enabled: bool = True
    jwt_expiration: int = Field(default=3600, ge=60)
    jwt_refresh_expiration: int = Field(default=30 * 86400, ge=60)

    enable_rest: bool = True
    enable_graphql: bool = True
    enable_websocket: bool = True
    enable_swagger: bool = True
    ws_channel_capacity: int = Field(default=256, ge=8)

    cors_allowed_origins: str = ""
    cors_allowed_headers: str = "Authorization, Content-Type, X-API-Key, X-API-Version, X-Request-ID, Idempotency-Key, If-Match, If-None-Match, X-Session-ID"
    cors_allow_credentials: bool = False

    metrics_enabled: bool = True

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if bool(self.signalbox_s3_access_key) != bool(self.signalbox_s3_secret_key):
            raise ValueError("SIGNALBOX_S3_ACCESS_KEY and SIGNALBOX_S3_SECRET_KEY go together")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        yaml_files = YamlFiles(settings_cls, os.environ.get("SIGNALBOX_CONFIG", ""))
        return init_settings, env_settings, FileSecrets(settings_cls), yaml_files


def read_environment() -> Environment:
    """The environment, or one sentence for each variable that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        lines = [f"  {_where(item['loc'])}{item['msg']}" for item in error.errors()]
        raise SystemExit("The configuration cannot be used:\n" + "\n".join(lines)) from None


def _where(place: tuple[int | str, ...]) -> str:
    return f"{str(place[0]).upper()}: " if place else ""


def variable_names() -> list[str]:
    return sorted(name.upper() for name in Environment.model_fields)


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def metrics_directory() -> str:
    """Where the processes of one server meet to add up their counters; set by `serve` for its workers."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")


def share_metrics(directory: Path) -> None:
    """Let the workers started from here count together; prometheus-client reads the variable at its import."""
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob("*.db"):
        leftover.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)


def share_public_url(url: str) -> None:
    """Let the workers started from here know where people reach the house when nobody said so."""
    os.environ["PUBLIC_URL"] = url
