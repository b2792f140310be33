"""The clock that workers go by: the database's, whatever the machine's own one shows."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from world import World

from doubles import START_MS, FakeClock
from tocsin.store.clock import LONGEST_LOOK_MS, MEASURE_EVERY_MS, DatabaseClock

SERVER = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
NOW = text("SELECT extract(epoch FROM clock_timestamp()) * 1000")
HOUR_MS = 3_600_000


def server_ms(world: World) -> float:
    with world.database.read() as connection:
        return float(connection.execute(NOW).scalar_one())


@contextmanager
def looks(world: World) -> Iterator[list[str]]:
    """Yield the looks at the server's clock that are taken from now on."""
    found: list[str] = []

    def note(*facts: object) -> None:
        found.extend(str(fact) for fact in facts if "bigint" in str(fact))

    event.listen(world.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(world.database.engine, "before_cursor_execute", note)


def begin(world: World) -> None:
    """Begin a transaction, as all work on the database does."""
    with world.store.read():
        pass


@SERVER
@pytest.mark.parametrize("off_ms", [-2 * HOUR_MS, 0, 2 * HOUR_MS])
def test_it_shows_what_the_server_shows(world: World, off_ms: int) -> None:
    before_ms = server_ms(world)

    clock = DatabaseClock(world.database, FakeClock(round(before_ms) + off_ms))

    assert before_ms - 1 <= clock.now_ms() <= server_ms(world)


@SERVER
def test_it_goes_on_by_the_monotonic_clock_and_is_looked_at_once_in_a_while(world: World) -> None:
    own = FakeClock()
    clock = DatabaseClock(world.database, own)
    shown_ms = clock.now_ms()

    with looks(world) as found:
        own.forward(MEASURE_EVERY_MS - 1)
        begin(world)
        assert clock.now_ms() == shown_ms + MEASURE_EVERY_MS - 1
        assert found == []

        own.forward(1)
        with world.store.write():
            pass
        begin(world)
        assert len(found) == 1

    assert shown_ms <= clock.now_ms() <= server_ms(world)


@SERVER
def test_a_look_in_which_the_process_was_frozen_tells_nothing(world: World) -> None:
    own = FakeClock()
    clock = DatabaseClock(world.database, own)
    own.forward(MEASURE_EVERY_MS)
    shown_ms = clock.now_ms()

    def freeze(*_: object) -> None:
        own.forward(LONGEST_LOOK_MS + 1)

    event.listen(world.database.engine, "after_cursor_execute", freeze)
    begin(world)
    event.remove(world.database.engine, "after_cursor_execute", freeze)

    assert clock.now_ms() == shown_ms + LONGEST_LOOK_MS + 1
    with looks(world) as found:
        begin(world)
    assert len(found) == 1, "the next one tells"
    assert clock.now_ms() <= server_ms(world)


@SERVER
def test_it_goes_on_while_the_database_is_away(world: World) -> None:
    own = FakeClock()
    clock = DatabaseClock(world.database, own)
    shown_ms = clock.now_ms()
    world.close()

    own.forward(2 * MEASURE_EVERY_MS)

    assert clock.now_ms() == shown_ms + 2 * MEASURE_EVERY_MS


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_on_sqlite_it_is_the_machines_own(world: World) -> None:
    own = FakeClock()

    with looks(world) as found:
        clock = DatabaseClock(world.database, own)
        begin(world)

    assert found == []
    assert (clock.now_ms(), clock.monotonic_ms()) == (START_MS, 0)
    own.forward(7)
    assert (clock.now_ms(), clock.monotonic_ms()) == (START_MS + 7, 7)
