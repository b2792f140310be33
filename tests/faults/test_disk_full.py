"""The disk on which the database lies fills up in mid-send, and has room again (F13)."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from scene import PushService, Scene, assert_everybody

from postgres import Postgres, _unprivileged_user
from programs import Programs

PEOPLE: Final = 2_000
DISK: Final = "48m"
FIFTH: Final = 5
GONE: Final = {"subscribers": {"modulo": FIFTH}, "answer": 410}
"""Whoever is retired takes new room in a table; an outcome may find some that is free."""

FULL: Final = "loop_failed.*loop=sender.*the database has no room left"


@pytest.fixture
def disk() -> Iterator[Path]:
    """Return a small disk of its own: only who may mount has one."""
    with tempfile.TemporaryDirectory(prefix="tocsin-disk-") as place:
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place]
        if os.geteuid() != 0 or subprocess.run(mounting, check=False).returncode != 0:
            pytest.skip("only who may mount can have a small disk")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no room on a disk."""
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        fill(ballast)
    yield
    ballast.unlink()


def fill(ballast: Path) -> None:
    """Write until nothing more goes; what room there is others may use up meanwhile."""
    with ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def test_sqlite(programs: Programs, disk: Path, tmp_path: Path, migrated_sqlite: Path) -> None:
    path = shutil.copy(migrated_sqlite, disk / "tocsin.db")
    with Scene.opened(programs, f"sqlite:///{path}", tmp_path) as scene:
        push_service, task_id, sender = begin(scene)
        with closing(sqlite3.connect(path, isolation_level=None)) as backup, filled(disk):
            # Who reads for long keeps the log from being begun anew, and so it grows.
            backup.execute("BEGIN")
            backup.execute("SELECT count(*) FROM subscriber").fetchone()
            sender.expect(FULL, times=3, within=60)
            assert scene.executions(task_id)[0].counters["pending"] > 0
            backup.execute("ROLLBACK")
        end(scene, push_service, task_id, sender)
        assert integrity(path) == ["ok"]


def integrity(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as shell:
        return [row[0] for row in shell.execute("PRAGMA integrity_check")]


def test_postgresql(programs: Programs, postgres: Postgres, disk: Path, tmp_path: Path) -> None:
    """The tables are on the small disk, the server's log is not: it would end the server."""
    home = disk / "tables"
    home.mkdir()
    user = _unprivileged_user()
    if user is not None:
        os.chown(home, user, -1)
        disk.chmod(0o755)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as boss:
        boss.execute(f"CREATE TABLESPACE small LOCATION '{home}'")
        boss.execute("CREATE DATABASE small TABLESPACE small")
        try:
            with Scene.opened(programs, postgres.url("small"), tmp_path) as scene:
                push_service, task_id, sender = begin(scene)
                with filled(disk):
                    sender.expect(FULL, times=3, within=60)
                    assert scene.executions(task_id)[0].counters["pending"] > 0
                end(scene, push_service, task_id, sender)
                sender.close()
        finally:
            boss.execute("DROP DATABASE small WITH (FORCE)")
            boss.execute("DROP TABLESPACE small")


def begin(scene: Scene) -> tuple[PushService, int, Any]:
    """Let a sender be in mid-send."""
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, PEOPLE)
    push_service.behave(GONE, {"delay_ms": 100})
    sender = scene.start_sender()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 4)
    return push_service, task_id, sender


def end(scene: Scene, push_service: PushService, task_id: int, sender: Any) -> None:
    """See that a send went on by itself, and to its end."""
    assert push_service.received < PEOPLE
    push_service.behave(GONE)
    reached = {n for n in range(PEOPLE) if n % FIFTH}
    counters = scene.until_over(task_id)
    assert counters["delivered"] == len(reached)
    assert counters["push_unsubscriptions"] == PEOPLE - len(reached)
    assert sender.running
    assert_everybody(push_service, people=reached)
