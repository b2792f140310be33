"""A PostgreSQL server of the test run's own: on a free port, in a temporary directory."""

import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from programs import NotReadyError, Program

OLDEST: Final = 15
USER: Final = "tocsin"
STOP: Final = signal.SIGINT  # to a server: a fast shutdown, clients are cut off
TRIES: Final = 5  # another process may take the free port before the server does

_CUT_OFF: Final = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_EMPTY: Final = """
    DO $$ DECLARE name regclass; BEGIN
      SET LOCAL session_replication_role = replica; -- foreign keys look away
      FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r'
         AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
      LOOP EXECUTE format('DELETE FROM %s', name); END LOOP;
      PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'
         AND relnamespace = 'public'::regnamespace;
    END $$"""


@dataclass
class Postgres:
    """A running server, and the databases that tests get on it."""

    port: int
    socket_directory: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        """Return how to reach *database*: postgresql://USER@127.0.0.1:PORT/NAME."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Return the URL of a database that nobody has used."""
        name = f"test_{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def empty_database(self, url: str) -> None:
        """Remove every row but the schema's step, and whoever is still connected.

        Much faster than a new database: nothing is written but what a test has left.
        """
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_CUT_OFF)
            connection.execute(_EMPTY)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = url.rpartition("/")[2]
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_postgres(*addresses: str) -> Iterator[Postgres]:
    """Yield a server that ends, with all its files, when the block does.

    addresses: where it listens besides loopback, and trusts who is in the same network.
    Its settings are those of production, fsync among them: crash tests lean on it.
    """
    home = Path(tempfile.mkdtemp(prefix="tocsin-postgres-"))
    try:
        with kept_postgres(home, *addresses) as server:
            yield server
    finally:
        shutil.rmtree(home)


@contextmanager
def kept_postgres(home: Path, *addresses: str, port: int | None = None) -> Iterator[Postgres]:
    """Yield a server whose files stay in *home*, a directory, for the next one there.

    addresses: where it listens beside loopback. port: where it is to be found, as the one before
    it was; None for a free one.
    """
    programs = find_programs()
    user = _unprivileged_user()
    if not (home / "data").exists():
        if user is not None:
            os.chown(home, user, -1)
        _initialise(programs, home / "data", user)
    with _serving(programs, home, user, addresses, port) as server:
        yield server


def find_programs() -> Path:
    """Return the directory with the newest initdb and postgres.

    Raises RuntimeError when there is none of version 15 or newer.
    """
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.get_exec_path())]
    found = [place for place in places if (place / "initdb").exists()]
    newest = max(found, key=_version, default=None)
    if newest is None or _version(newest) < OLDEST:
        raise RuntimeError(
            f"these tests need PostgreSQL {OLDEST} or newer: `make system-packages` installs it"
        )
    return newest


def _version(programs: Path) -> int:
    answer = subprocess.check_output([programs / "postgres", "--version"], text=True)
    number = re.search(r"\d+", answer)
    return int(number[0]) if number else 0


def _unprivileged_user() -> int | None:
    """Return whom the server runs as: PostgreSQL refuses root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name: account.pw_uid for account in pwd.getpwall()}
    return names.get("postgres", names["nobody"])


def _initialise(programs: Path, data: Path, user: int | None) -> None:
    who = ["--username", USER, "--auth", "trust"]
    how = ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"]
    with Program(
        [programs / "initdb", f"--pgdata={data}", *who, *how], cwd=data.parent, user=user
    ) as run:
        if run.wait(within=120) != 0:
            raise RuntimeError(run.output)


@contextmanager
def _serving(
    programs: Path, home: Path, user: int | None, addresses: Sequence[str], port: int | None
) -> Iterator[Postgres]:
    if addresses:
        with (home / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")
    server, found = _start(programs, home, user, addresses, port)
    with server:
        yield Postgres(found, home)
        server.interrupt_leader(STOP)
        server.wait(within=60)


def _start(
    programs: Path, home: Path, user: int | None, addresses: Sequence[str], wanted: int | None
) -> tuple[Program, int]:
    for tries_left in reversed(range(TRIES)):
        port = wanted or _free_port()
        settings = {
            "port": port,
            "listen_addresses": ",".join(["127.0.0.1", *addresses]),
            "unix_socket_directories": home,
            "max_connections": 200,
            "lc_messages": "C",
            "logging_collector": "off",
            "log_checkpoints": "off",  # every DROP DATABASE makes one
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        argv: list[str | Path] = [programs / "postgres", "-D", home / "data", *options]
        server = Program(argv, cwd=home, user=user, orphaned=STOP)
        try:
            server.expect("database system is ready to accept connections", within=60)
        except NotReadyError:
            server.close()
            if not tries_left or "Address already in use" not in server.output:
                raise
        else:
            return server, port
    raise AssertionError("unreachable")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
