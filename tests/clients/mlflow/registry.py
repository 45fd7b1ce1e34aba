"""Run by an interpreter that has mlflow: its client's calls against our registry, with a bearer token.

Arguments: the server's URL and a key. Prints one JSON object of what was heard.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

URL, KEY = sys.argv[1:3]
os.environ |= {
    "MLFLOW_TRACKING_TOKEN": KEY,
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

import mlflow  # noqa: E402
import xgboost  # noqa: E402
from mlflow.artifacts import download_artifacts  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository  # noqa: E402


def main() -> None:
    mlflow.set_tracking_uri(URL)
    mlflow.set_registry_uri(URL)
    client = mlflow.MlflowClient()
    told: dict[str, Any] = {}
    client.create_registered_model("churn", tags={"team": "lab"}, description="Who leaves")
    told["again"] = refused(lambda: client.create_registered_model("churn"))
    told["missing"] = refused(lambda: client.get_registered_model("nobody"))
    with tempfile.TemporaryDirectory() as folder:
        upload(Path(folder))
    version = client.create_model_version("churn", "mlflow-artifacts:/uploads/1", run_id="r1")
    client.set_registered_model_alias("churn", "champion", version.version)
    client.set_model_version_tag("churn", "1", "seen", "yes")
    client.delete_registered_model_tag("churn", "team")
    client.update_model_version("churn", "1", description="First")
    client.transition_model_version_stage("churn", "1", "Staging")
    copied = client.copy_model_version("models:/churn@champion", "copy")
    found = client.get_model_version_by_alias("churn", "champion")
    told["version"] = [
        found.name,
        found.version,
        found.current_stage,
        found.run_id,
        found.description,
        found.status,
        list(found.aliases),
        found.tags,
    ]
    told["copy"] = [copied.name, copied.version]
    told["latest"] = [each.version for each in client.get_latest_versions("churn", ["Staging"])]
    told["models"] = [each.name for each in client.search_registered_models("name LIKE 'c%'")]
    told["versions"] = [each.version for each in client.search_model_versions("name = 'churn'")]
    told["files"] = sorted(
        each.name for each in Path(download_artifacts("models:/churn/1")).iterdir()
    )
    told["source"] = refused(lambda: client.create_model_version("churn", "s3://bucket/model"))
    told["staged"] = refused(lambda: client.delete_registered_model("nobody"))
    client.delete_registered_model_alias("churn", "champion")
    client.rename_registered_model("copy", "renamed")
    client.delete_model_version("renamed", "1")
    client.delete_registered_model("renamed")
    told["left"] = [each.name for each in client.search_registered_models()]
    sys.stdout.write(f"{json.dumps(told)}\n")


def upload(folder: Path) -> None:
    """A model saved by MLflow itself, sent to us file by file."""
    data = xgboost.DMatrix([[0.0, 1.0], [1.0, 0.0]] * 8, label=[0, 1] * 8)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 2)
    mlflow.xgboost.save_model(booster, folder / "model")
    MlflowArtifactsRepository("mlflow-artifacts:/uploads/1").log_artifacts(str(folder / "model"))


def refused(deed: Callable[[], Any]) -> str:
    try:
        deed()
    except MlflowException as error:
        return str(error.error_code)
    return "nothing"


if __name__ == "__main__":
    main()
