"""A change that another connection commits is heard of; one that was not made is not."""

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from courier import Courier, settle
from world import World, enrolment

from rig import until
from tocsin.domain.account import Account
from tocsin.domain.event import Event, Kind
from tocsin.store.changes import ALL_NEWS, CHANNEL, Changes
from tocsin.workers.bells import News

ALL = set(ALL_NEWS)


class Impatient:
    """A clock whose waits are over at once."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        del seconds
        return stop.is_set()


class Ear:
    """What a listener has heard since it was last asked."""

    def __init__(self, world: World) -> None:
        self.database = world.database
        self.is_sqlite = world.database.is_sqlite
        self.changes = Changes(world.database, clock=Impatient())
        assert set(self.listen()) == ALL, "what came before it was not heard"

    def listen(self) -> set[str]:
        return set(self.changes.wait(threading.Event()))

    def hears(self, *news: str, of_nothing: str = "") -> None:
        """Assert that these news are told, and no others.

        of_nothing: what PostgreSQL tells as well, of a statement that found no row to change.
        PostgreSQL tells in the order of commits, some time after: what is told before the last
        of these would have been told by then.
        """
        if self.is_sqlite:
            assert self.listen() == set(news)
            assert self.listen() == set()
            return
        heard: set[str] = set()
        told = {*news, of_nothing} - {""}
        until(lambda: heard.update(self.listen()) or told <= heard or None, within=10)
        assert heard == told

    def hears_nothing(self) -> None:
        """Assert that nothing is told. On PostgreSQL, before a word that is said now."""
        if self.is_sqlite:
            assert self.listen() == set()
            return
        with self.database.write() as connection:
            connection.exec_driver_sql(f"NOTIFY {CHANNEL}, 'that was all'")
        self.hears("that was all")


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with two subscribers."""
    owner = world.account()
    site = world.container(owner)
    world.register(enrolment(site, 1), enrolment(site, 2))
    return owner


@pytest.fixture
def ear(world: World, owner: Account) -> Iterator[Ear]:  # noqa: ARG001 - the tenant is there first
    """Return a listener that has heard of everything so far."""
    ear = Ear(world)
    yield ear
    ear.changes.close()


def test_the_topics_are_those_that_loops_wait_for() -> None:
    assert list(News) == list(ALL_NEWS)


def test_the_path_of_a_task_is_told_step_by_step(world: World, owner: Account, ear: Ear) -> None:
    task_id = world.order(owner)
    ear.hears("calendar")
    world.plan()
    ear.hears("calendar", "executions")
    world.cut_all()
    ear.hears("executions", "parcels")
    world.commands.pause(owner.scope, task_id, now_ms=world.clock.now_ms())
    ear.hears("calendar", "executions")
    world.commands.resume(owner.scope, task_id, now_ms=world.clock.now_ms())
    ear.hears("calendar", "executions")
    world.commands.cancel(owner.scope, task_id, now_ms=world.clock.now_ms())
    ear.hears("calendar", "executions")
    settle(world)
    ear.hears("executions", of_nothing="calendar")


def test_the_release_of_a_refused_key_is_told(world: World, owner: Account, ear: Ear) -> None:
    refused = ("https://fcm.googleapis.com", 1)
    world.sending.refuse({refused: 403}, now_ms=world.clock.now_ms())
    ear.hears_nothing()

    assert world.containers.resume("1")[0].root_id == owner.root_id

    ear.hears("parcels")


def test_what_is_not_committed_is_not_told(world: World, owner: Account, ear: Ear) -> None:
    def fail() -> None:
        with world.store.write() as unit:
            unit.executions.cancel(1, now_ms=world.clock.now_ms())
            unit.accounts.lock(owner.root_id)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    ear.hears_nothing()


def test_a_look_is_not_a_change(world: World, ear: Ear) -> None:
    world.planning.next_due_ms()
    world.sending.next_due_ms()
    world.counting.fold()
    world.counting.close(now_ms=world.clock.now_ms())
    ear.hears_nothing()


def record_outcomes(world: World, owner: Account) -> None:
    Courier(world).send_all()
    del owner


def report(world: World, owner: Account) -> None:
    del owner
    world.counting.record([Event(1, 1, (Kind.SHOWN,))])
    world.counting.fold()


def subscribe(world: World, owner: Account) -> None:
    world.join(world.container(owner), 7)
    world.indexing.fold()


def note(world: World, owner: Account) -> None:
    """Change of a task what no loop waits for."""
    del owner
    with world.store.write() as unit:
        unit.tasks.note_execution(1, at_ms=world.clock.now_ms() + 1)


@pytest.mark.parametrize("act", [record_outcomes, report, subscribe, note])
def test_what_no_loop_needs_to_know_at_once_goes_untold(
    world: World, owner: Account, ear: Ear, act: Callable[[World, Account], None]
) -> None:
    world.execute(owner)
    world.cut_all()
    ear.hears("calendar", "executions", "parcels")

    act(world, owner)

    ear.hears_nothing()


def test_after_a_lost_connection_everything_is_told_and_then_what_comes(
    world: World, owner: Account, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    if world.database.is_sqlite:
        ear.changes.close()  # a file is not lost; whoever listens anew begins like this
    else:
        cut_off(world)
        with pytest.raises(psycopg.OperationalError):
            until(lambda: ear.listen() or None, within=10)
        assert caplog.records == [], "the loop tells of it, in one line"
    world.order(owner)

    assert ear.listen() == ALL, "the order was not heard"

    world.order(owner)
    ear.hears("calendar")


def cut_off(world: World) -> None:
    """End every connection of the database, as a server that restarts does."""
    with world.database.read() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
