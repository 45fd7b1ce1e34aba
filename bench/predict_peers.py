"""MLflow's model server with the demo's own model, in a folder of its own that is made on first use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.gateways import PEERS
from bench.load import ROOT, Call
from bench.servers import Server, free_port, plain_environment
from config.churn.customers import make_customers
from config.churn.training import CUSTOMERS, SEED
from config.churn.written import CHAMPION, read_written

HOME = PEERS / "mlflow"
CARD, LOGISTIC = "MLflow, the same scorecard", "MLflow, scikit-learn"
KINDS = {CARD: "card", LOGISTIC: "logistic"}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_NUM_THREADS": "1",
    "GIT_PYTHON_REFRESH": "quiet",
}


def make_models(folder: Path) -> Path:
    """The folder with all that `peers/churn_models.py` makes."""
    made = folder / "models"
    made.mkdir()
    customers = [
        {"features": each.features, "has_left": each.has_left}
        for each in make_customers(CUSTOMERS, SEED)
    ]
    (made / "customers.json").write_text(json.dumps(customers))
    (made / "card.json").write_text(json.dumps(read_written(CHAMPION)["card"]))
    script = ROOT / "bench" / "peers" / "churn_models.py"
    _run([str(_python()), str(script), str(made)], folder)
    return made


def start_mlflow(name: str, folder: Path, models: Path, cores: set[int]) -> Server:
    """As its manual starts it, one worker, without building another environment."""
    port = free_port()
    command = [
        str(HOME / "bin" / "mlflow"), "models", "serve", "-m", str(models / KINDS[name]),
        "--host", "127.0.0.1", "--port", str(port), "--env-manager", "local", "--workers", "1",
    ]  # fmt: skip
    return Server(
        KINDS[name],
        command,
        port=port,
        cores=cores,
        folder=folder,
        environment=_environment(folder),
    )


def ask_mlflow(server: Server, rows: list[str]) -> Call:
    """Rows as JSON text, so that one of them can hold `@number@`."""
    body = f'{{"dataframe_records": [{", ".join(rows)}]}}'
    return Call(f"{server.url}/invocations", "POST", {"Content-Type": "application/json"}, body)


def _python() -> Path:
    program = HOME / "bin" / "python"
    if not (HOME / "bin" / "mlflow").exists():
        _run([sys.executable, "-m", "venv", str(HOME)], ROOT)
        _run([str(program), "-m", "pip", "install", "-q", "mlflow", "skl2onnx"], ROOT)
    return program


def _environment(folder: Path) -> dict[str, str]:
    return {
        **QUIET,
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "PATH": f"{HOME / 'bin'}:{os.environ['PATH']}",
    }


def _run(command: list[str], folder: Path) -> None:
    environment = plain_environment() | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        check=False,
        timeout=1800,
        capture_output=True,
        text=True,
        env=environment | _environment(folder),
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}:\n{(done.stdout + done.stderr)[-3000:]}")
