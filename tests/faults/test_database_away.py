"""A PostgreSQL server that is stopped in mid-send, and comes back (F11).

A longer outage: TOCSIN_OUTAGE_S=60 pytest tests/faults/test_database_away.py
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from scene import MOST_REPEATED, TASK, Scene, assert_everybody, now_ms

from postgres import Postgres, kept_postgres
from programs import Programs
from tocsin.workers.gates import WIDEST_WINDOW
from tocsin.workers.sender import RECORD_EVERY

OUTAGE_S: Final = int(os.environ.get("TOCSIN_OUTAGE_S", "13"))
QUIET_MS: Final = 2_000
"""For how long at the end of the outage nothing at all is sent."""

FAILED: Final = "loop_failed.*loop=sender"

SENDERS: Final = 2
PEOPLE: Final = 3_000

MOST_SENT: Final = RECORD_EVERY + WIDEST_WINDOW
"""What a sender may still send: until it must record, and what waits for a connection by then."""


@dataclass
class Server:
    """A PostgreSQL server that is stopped and started on the same port and files."""

    home: Path
    running: ExitStack = field(default_factory=ExitStack)
    port: int | None = None

    def start(self) -> Postgres:
        found = self.running.enter_context(kept_postgres(self.home, port=self.port))
        self.port = found.port
        return found

    def stop(self) -> None:
        self.running.close()

    @classmethod
    @contextmanager
    def kept(cls) -> Iterator["Server"]:
        with TemporaryDirectory(prefix="tocsin-postgres-") as home:
            server = cls(Path(home))
            with server.running:
                yield server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server.kept() as kept:
        yield kept


@pytest.fixture
def scene(programs: Programs, server: Server, tmp_path: Path) -> Iterator[Scene]:
    with Scene.opened(programs, server.start().new_database(), tmp_path) as opened:
        yield opened


def test_senders_stop_while_the_database_is_away_and_go_on_by_themselves(
    scene: Scene, server: Server
) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, PEOPLE)
    push_service.behave({"delay_ms": 40})
    senders = [scene.start_sender() for _ in range(SENDERS)]
    web = scene.start_web()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 4)

    server.stop()
    gone_ms = now_ms()
    web.assert_refused()
    senders[0].expect(FAILED, times=OUTAGE_S, within=2 * OUTAGE_S)  # one line a second
    web.assert_refused()
    back_ms = now_ms()
    sent = push_service.arrivals()
    server.start()

    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert all(sender.running for sender in senders)
    late = sum(at_ms > gone_ms for at_ms in sent)
    print(f"{late} sent after the database was gone, {PEOPLE - len(sent)} waited for it")
    assert late <= SENDERS * MOST_SENT
    assert len(sent) < PEOPLE
    assert max(sent) < back_ms - QUIET_MS
    assert_everybody(push_service, people=range(PEOPLE), repeated=SENDERS * MOST_REPEATED)
    assert web.ask("POST", "/v1/hood/push-tasks", TASK)[0] == 201


def test_who_is_asked_to_stop_meanwhile_still_writes_down_what_is_known(
    scene: Scene, server: Server
) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, PEOPLE)
    push_service.behave({"delay_ms": 40})
    sender = scene.start_sender()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 4)

    server.stop()
    sender.expect(FAILED)
    sender.interrupt_leader(SIGTERM)
    server.start()

    assert sender.wait() == 0
    assert "Traceback" not in sender.output
    assert scene.leased() == 0
    assert scene.executions(task_id)[0].counters["delivered"] == push_service.received < PEOPLE
    scene.start_sender()
    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert_everybody(push_service, people=range(PEOPLE))
