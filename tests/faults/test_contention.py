"""Transactions that wait for each other, and a server without a free connection (F15)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

import psycopg
import pytest
from scene import MOST_REPEATED, PEOPLE, TASK, WITHIN_S, Scene, assert_everybody

from rig import until

pytestmark = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)

BUSY: Final = "loop_failed.*loop=sender.*the database is busy"
CROWDED: Final = "loop_failed.*loop=sender.*no connection free"
MANY: Final = 3_000  # more than are sent while connections are taken
EACH_TENTH: Final = {"modulo": 10}

PATIENCE: Final = "3s"
"""How long a sender waits for a lock before PostgreSQL looks for a circle."""


@pytest.fixture
def ours(scene: Scene) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the test's own, which outwaits everybody."""
    name = scene.url.rpartition("/")[2]
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("SET deadlock_timeout = '1h'")
        connection.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '{PATIENCE}'")
        try:
            yield connection
        finally:
            connection.execute(f"ALTER DATABASE {name} RESET deadlock_timeout")


def test_of_two_that_wait_for_each_other_the_sender_gives_way_and_tries_again(
    scene: Scene, ours: psycopg.Connection[Any]
) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin)
    push_service.behave({"subscribers": EACH_TENTH, "answer": 410})
    sender = scene.start_sender()

    with ours.transaction():
        # A record locks its parcels first, and then whoever is gone.
        ours.execute("SELECT 1 FROM subscriber FOR UPDATE")
        task_id = scene.order()
        until(lambda: others_that_wait(scene) or None, within=WITHIN_S)
        ours.execute("SELECT 1 FROM parcel FOR UPDATE")
    sender.expect(BUSY)

    counters = scene.until_over(task_id)
    gone = PEOPLE // EACH_TENTH["modulo"]
    assert (counters["push_unsubscriptions"], counters["delivered"]) == (gone, PEOPLE - gone)
    reached = {n for n in range(PEOPLE) if n % EACH_TENTH["modulo"]}
    assert_everybody(push_service, people=reached)
    assert sender.running


def others_that_wait(scene: Scene) -> int:
    """Return how many connections of the database wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(scene.url) as look:
        return int(look.execute(query).fetchone()[0])  # type: ignore[index]  # one row always


@contextmanager
def no_connection_free(url: str) -> Iterator[None]:
    """Take every connection there is, also those that others had."""
    with ExitStack() as stack, psycopg.connect(url, autocommit=True) as boss:
        pids = [boss.info.backend_pid]

        def taken() -> bool | None:
            with suppress(psycopg.OperationalError):
                while True:
                    one = stack.enter_context(psycopg.connect(url))
                    pids.append(one.info.backend_pid)
            rows = boss.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> ALL(%s)",
                [pids],
            ).fetchall()
            return None if rows else True

        until(taken, within=WITHIN_S)
        yield


def test_without_a_free_connection_nothing_is_sent_and_calls_are_refused(scene: Scene) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, MANY)
    push_service.behave({"delay_ms": 300})
    sender = scene.start_sender()
    web = scene.start_web()
    task_id = scene.order()
    push_service.await_received(MANY // 10)

    with no_connection_free(scene.url):
        web.assert_refused()
        sender.expect(CROWDED, times=3)
        web.assert_refused()
        assert push_service.received < MANY

    assert scene.until_over(task_id)["delivered"] == MANY
    assert_everybody(push_service, people=range(MANY), repeated=MOST_REPEATED)
    assert web.ask("POST", "/v1/hood/push-tasks", TASK)[0] == 201
    assert sender.running
