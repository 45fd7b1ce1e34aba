"""A site: one data folder and one migrated database with an organisation, for servers to run on.

The migrated state is made once per worker and copied for each site, so that a fresh one costs
milliseconds on SQLite and a `CREATE DATABASE … TEMPLATE` on PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.rig.environment import ROOT, program_variables
from tests.rig.servers import ServerProcess
from tests.rig.valkey import Valkey

ORGANIZATION = "acme"
EMAIL = "admin@example.com"
PASSWORD = "signal-box-lever-42"
SECRETS = {
    "SECRET_KEY": "rig-secret-key-of-forty-characters-or-more",
    "JWT_SECRET_KEY": "rig-jwt-secret-key-of-forty-characters-or-more",
    "SIGNALBOX_KEY_PEPPER": "rig-key-pepper-of-forty-characters-or-more",
    "SIGNALBOX_MASTER_KEY": "rig-master-key-of-forty-characters-or-more",
}
LAST_LINES = 20  # of what a failed command printed
RUNNER = ("PYTEST_", "DJANGO_", "SIGNALBOX_TEST_")  # the runner's own variables


class CommandError(AssertionError):
    """A management command failed; the message holds what it printed."""


@dataclass
class Site:
    """`manage` runs a command on it, `start` a server; both end with the fixture that made it."""

    folder: Path
    database_url: str
    key: str = ""
    organization: str = ORGANIZATION
    email: str = EMAIL
    password: str = PASSWORD
    settings: str = "config.settings.development"
    env: dict[str, str] = field(default_factory=dict)
    servers: list[ServerProcess] = field(default_factory=list)
    _valkey: Valkey | None = None

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def manage(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run `manage.py` and return what it printed; anything but success fails the test."""
        done = self.try_manage(*arguments, env=env)
        if done.returncode != 0:
            command = " ".join(arguments)
            last = "\n".join(f"{done.stdout}{done.stderr}".splitlines()[-LAST_LINES:])
            raise CommandError(f"manage.py {command} failed:\n{last}")
        return done.stdout

    def try_manage(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def mint_key(self, role: str = "admin", *options: str) -> str:
        """A key of the site's user; options as `generate_api_key` takes them."""
        printed = self.manage(
            "generate_api_key", "--organization", self.organization, "--user", self.email,
            "--role", role, *options,
        )  # fmt: skip
        return printed.strip().splitlines()[-1]

    def start(
        self,
        kind: str = "serve",
        *,
        workers: int = 1,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> ServerProcess:
        """A real server process, ready for requests: `serve` (uvicorn) or `runserver` (daphne)."""
        server = ServerProcess(
            kind,
            environment=self.environment(env),
            log=self.folder / f"{kind}-{len(self.servers)}.log",
            key=self.key,
            workers=workers,
            port=port,
            options=options,
        )
        self.servers.append(server)
        server.wait_until_ready()
        return server

    def use_redis(self) -> str:
        """A Redis of its own, which several processes need; the URL."""
        if "REDIS_URL" not in self.env:
            given = os.environ.get("TEST_REDIS_URL") and os.environ.get("REDIS_URL")
            if not given:
                self._valkey = Valkey(self.folder / "valkey")
            self.env["REDIS_URL"] = given or self._valkey.url()  # type: ignore[union-attr] # just made
        return self.env["REDIS_URL"]

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        ours = program_variables()
        outside = {
            name: value
            for name, value in os.environ.items()
            if name not in ours and not name.startswith(RUNNER)
        }
        return {
            **outside,
            **SECRETS,
            "DJANGO_SETTINGS_MODULE": self.settings,
            "DATABASE_URL": self.database_url,
            "SIGNALBOX_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",
            **self.env,
            **(changes or {}),
        }

    def close(self) -> None:
        for server in self.servers:
            server.close()
        if self._valkey is not None:
            self._valkey.close()
        if is_postgres(self.database_url):
            drop_database(self.database_url)


def make_first_site(folder: Path, number: str, *, beside: str = "") -> Site:
    """Migrate, make the organisation, its administrator and a key: what every other site copies.

    `beside`: a database on whose server it is made, instead of the suite's.
    """
    site = Site(folder, _database_url(folder, number, beside or os.environ["DATABASE_URL"]))
    site.data_dir.mkdir(parents=True)
    if is_postgres(site.database_url):
        create_database(site.database_url)
    site.manage("migrate", "--verbosity", "0")
    site.manage(
        "bootstrap", "--organization", site.organization, "--email", site.email,
        "--password", site.password, "--role", "admin", "--approver",
    )  # fmt: skip
    site.key = site.mint_key("admin", "--name", "rig")
    return site


def copy_site(first: Site, folder: Path, number: str) -> Site:
    url = _database_url(folder, number, first.database_url)
    shutil.copytree(first.folder, folder, ignore=shutil.ignore_patterns("*.log", "valkey"))
    if is_postgres(url):
        create_database(url, template=first.database_url)
    return Site(folder, url, key=first.key)


def _database_url(folder: Path, number: str, beside: str) -> str:
    if not is_postgres(beside):
        return f"sqlite:///{folder / 'signalbox.sqlite3'}"
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    return urlunsplit(urlsplit(beside)._replace(path=f"/site_{worker}_{os.getpid()}_{number}"))


def is_postgres(url: str) -> bool:
    return url.startswith("postgres")


def create_database(url: str, *, template: str = "") -> None:
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_name(url)))
    if template:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(_name(template)))
    _execute(url, statement)


def drop_database(url: str) -> None:
    _execute(
        url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_name(url)))
    )


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _execute(url: str, statement: sql.Composed) -> None:
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(statement)
