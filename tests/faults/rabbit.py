"""A real RabbitMQ where Debian's package is installed; without it the tests that want one skip and say so."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rig.process import Process, free_port

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class Rabbit:
    """`kill` and `start` bring it back empty: what it keeps on disk is removed."""

    def __init__(self, folder: Path) -> None:
        if not SERVER.exists():
            pytest.skip("NO RABBITMQ TRIED: apt-get install rabbitmq-server")
        self.port, self._distribution, self._names = free_port(), free_port(), free_port()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plugins").write_text("[].\n")
        self.start()

    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        log = self._folder / "rabbit.log"
        log.write_text("")
        self._process = Process([SERVER], log=log, env=self._environment(), cwd=self._folder)
        self._process.wait_until(
            lambda: "completed with" in log.read_text(), timeout=60, what="RabbitMQ"
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.close()

    def close(self) -> None:
        self._process.close()
        # The name server daemonises itself: it would outlive the run.
        epmd = [shutil.which("epmd") or "epmd", "-port", str(self._names), "-kill"]
        subprocess.run(epmd, capture_output=True, check=False)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "RABBITMQ_NODENAME": f"signalbox{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
