"""A sender that freezes for longer than its leases, and wakes up (F8)."""

from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM

from scene import MOST_REPEATED, PEOPLE, Scene, assert_everybody, is_stopped
from sqlalchemy import text

from postgres import Postgres
from programs import Program as Process
from programs import Programs
from rig import until

OPTIONS = "-c%20idle_in_transaction_session_timeout%3D2000%20-c%20lock_timeout%3D30000"
"""Two seconds are enough here, where without a word it is a minute; and no test waits for ever."""

IN_A_TRANSACTION = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state = 'idle in transaction' AND backend_xid IS NOT NULL"
)


def test_what_a_sender_writes_after_its_leases_are_over_is_refused(scene: Scene) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin)
    push_service.behave({"delay_ms": 40})  # so that there is always something on the wire
    first = scene.start_sender()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 4)
    scene.freeze(first)
    assert scene.leased() > 0

    second = scene.start_sender()
    scene.end_leases()
    assert scene.until_over(task_id)["delivered"] == PEOPLE
    written = scene.ledger()
    first.interrupt_leader(SIGCONT)

    first.expect("lease_lost")
    second.interrupt_leader(SIGTERM)
    assert second.wait() == 0
    push_service.behave()
    again = scene.order()  # whoever woke up sends on, and has forgotten what was taken from them
    assert scene.until_over(again)["delivered"] == PEOPLE
    assert scene.ledger()[: len(written)] == written
    until(lambda: push_service.report()["subscribers"] == PEOPLE or None, within=10)
    assert_everybody(push_service, repeated=MOST_REPEATED, topics=2)


def test_one_that_freezes_in_a_transaction_loses_it(
    programs: Programs, postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_database()
    with Scene.opened(programs, f"{url}?options={OPTIONS}", tmp_path) as scene:
        push_service = scene.start_push_service()
        scene.subscribe(push_service.origin)
        push_service.behave({"delay_ms": 40})
        first = scene.start_sender()
        task_id = scene.order()
        push_service.await_received(PEOPLE // 8)
        freeze_writing(scene, first)

        second = scene.start_sender()
        scene.end_leases()  # waits until the server ends the transaction
        assert scene.until_over(task_id)["delivered"] == PEOPLE
        written = scene.ledger()
        first.interrupt_leader(SIGCONT)

        first.expect("loop_failed.*loop=sender")
        first.expect("lease_lost")
        assert scene.ledger() == written
        assert_everybody(push_service, repeated=MOST_REPEATED)
        for sender in (first, second):
            sender.interrupt_leader(SIGTERM)
            assert sender.wait() == 0
    postgres.drop_database(url)


def freeze_writing(scene: Scene, sender: Process) -> None:
    """Stop a sender with SIGSTOP, at a moment at which it holds locks."""

    def stopped() -> bool | None:
        sender.interrupt_leader(SIGSTOP)
        until(lambda: is_stopped(sender) or None, within=10)
        with scene.program.database.read() as connection:
            if connection.scalar(IN_A_TRANSACTION):
                return True
        sender.interrupt_leader(SIGCONT)
        return None

    until(stopped, within=30)
