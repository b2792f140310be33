"""Somebody else keeps SQLite locked for longer than anybody waits: a shell, a backup (F14)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from scene import PEOPLE, Scene, assert_everybody

from programs import Programs
from rig import until

WAIT_S: Final = 1
FAILURES: Final = 3
TASK = {
    "name": "Refused",
    "message": {"title": {"en": "Never"}, "landing_url": "https://www.example.com/"},
}


@pytest.fixture
def path(tmp_path: Path, migrated_sqlite: Path) -> Path:
    path = tmp_path / "tocsin.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return path


@pytest.fixture
def scene(programs: Programs, path: Path, tmp_path: Path) -> Iterator[Scene]:
    """Return a scene whose programs wait a second for their turn, not thirty."""
    with Scene.opened(programs, f"sqlite:///{path}?timeout={WAIT_S}", tmp_path) as opened:
        yield opened


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as shell:
        shell.execute("BEGIN EXCLUSIVE")
        yield
        shell.execute("ROLLBACK")


def test_nothing_is_sent_that_a_locked_database_cannot_take_and_nothing_is_lost(
    scene: Scene, path: Path
) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin)
    push_service.behave({"delay_ms": 100})
    sender, web = scene.start_sender(), scene.start_web()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 4)

    with locked(path):
        sender.expect("loop_failed.*loop=sender.*is busy", times=FAILURES)
        status, headers, _ = web.ask("POST", "/v1/hood/push-tasks", TASK)
        assert (status, headers["Retry-After"] is None) == (503, False)
        assert web.ask("GET", "/v1/hood/push-tasks")[0] == 200, "who reads waits for nobody"
        known = scene.executions(task_id)[0].counters["delivered"]
        assert push_service.received < PEOPLE

    assert known < push_service.received, "answers were kept in hand meanwhile"
    push_service.behave()
    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert_everybody(push_service)
    assert until(lambda: web.ask("POST", "/v1/hood/push-tasks", TASK)[0], within=10) == 201
