"""A loop works while there is work, rests when there is none, and outlives its failures."""

import io
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from tocsin.domain.errors import Unavailable
from tocsin.telemetry.events import Telemetry
from tocsin.workers.loop import AGAIN_S, GLANCE_S, Rest, run_loop

NOON_MS = 1_770_289_200_000


@dataclass
class Clock:
    """Time passes in waits alone. happens: at which waits, from 1, something happens in them."""

    happens: dict[int, Callable[[], object]] = field(default_factory=dict)
    wall_ms: float = NOON_MS
    ms: float = 0
    waits: list[float] = field(default_factory=list)

    def now_ms(self) -> int:
        return int(self.wall_ms)

    def monotonic_ms(self) -> int:
        return int(self.ms)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.happens.get(len(self.waits), lambda: None)()
        if not stop.is_set():
            self.ms += seconds * 1000
            self.wall_ms += seconds * 1000
        return stop.is_set()

    def set(self, wall_ms: float) -> None:
        self.wall_ms = wall_ms


@dataclass
class Room:
    """A loop whose turns are these, one after another; with the last of them it stops."""

    clock: Clock
    bell: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    log: io.StringIO = field(default_factory=io.StringIO)
    begun_ms: list[float] = field(default_factory=list)

    def run(
        self,
        turns: Iterable[Rest | Exception | Callable[[], object] | None],
        *,
        outlives: type[Exception] = Exception,
    ) -> None:
        left = iter(turns)

        def turn() -> Rest | None:
            self.begun_ms.append(self.clock.ms)
            now = next(left, "the end")
            if now == "the end":
                self.stop.set()
                return None
            if isinstance(now, Exception):
                raise now
            if callable(now):
                now()
                return Rest(5)
            assert now is None or isinstance(now, Rest)
            return now

        run_loop(
            "planner",
            turn,
            bell=self.bell,
            stop=self.stop,
            clock=self.clock,
            telemetry=Telemetry(log_format="json", stream=self.log),
            outlives=outlives,
        )


@pytest.fixture
def clock() -> Clock:
    """Return a clock in which nothing happens."""
    return Clock()


@pytest.fixture
def room(clock: Clock) -> Room:
    """Return where a loop is run."""
    return Room(clock)


def test_work_is_gone_on_with_at_once_and_a_failure_costs_a_second(
    room: Room, clock: Clock
) -> None:
    room.run([None, None, Rest(0.25), ValueError("canary-secret"), None, Rest(0.5)])

    assert clock.waits == [0.25, AGAIN_S, 0.5]
    [line] = [json.loads(text) for text in room.log.getvalue().splitlines()]
    assert (line["event"], line["loop"], line["error"]) == ("loop_failed", "planner", "ValueError")
    assert line["where"].startswith("test_loop.py:")
    assert "canary-secret" not in room.log.getvalue()


def test_who_gets_no_memory_ends(room: Room) -> None:
    with pytest.raises(MemoryError):
        room.run([MemoryError(), None])

    assert (len(room.begun_ms), room.log.getvalue()) == (1, "")


def test_a_loop_may_outlive_what_it_foresaw_and_nothing_else(room: Room) -> None:
    with pytest.raises(KeyError):
        room.run([Unavailable("away"), None, KeyError("lost"), None], outlives=Unavailable)

    assert len(room.begun_ms) == 3
    (line,) = room.log.getvalue().splitlines()
    assert json.loads(line)["error"] == "Unavailable"


def test_of_a_database_that_is_away_both_the_error_and_the_reason_are_told(room: Room) -> None:
    away = Unavailable("the database is away")
    away.__cause__ = OperationalError("", {}, OSError())

    room.run([away])

    line = json.loads(room.log.getvalue())
    assert (line["error"], line["reason"]) == ("OperationalError", "the database is away")


@pytest.mark.parametrize(
    ("rest", "waits"),
    [
        pytest.param(Rest(5, until_ms=NOON_MS + 700), [0.7], id="to the instant"),
        pytest.param(Rest(0.5, until_ms=NOON_MS + 700), [0.5], id="at most"),
        pytest.param(Rest(2.5), [1, 1, 0.5], id="with a glance at the clock each second"),
        pytest.param(Rest(5, until_ms=NOON_MS - 1), [], id="the instant is past"),
        pytest.param(Rest(0.1, deaf_s=0.1), [0.1], id="deaf throughout"),
        pytest.param(Rest(0.5, deaf_s=0.2), [0.2, 0.3], id="deaf at first"),
    ],
)
def test_a_rest_is_as_long_as_it_says(
    room: Room, clock: Clock, rest: Rest, waits: list[float]
) -> None:
    room.run([rest])

    assert clock.waits == pytest.approx(waits)


def test_a_ring_ends_a_rest(room: Room, clock: Clock) -> None:
    clock.happens = {2: room.bell.set}

    room.run([Rest(5)])

    assert room.begun_ms == [0, 1000]


def test_a_ring_during_a_turn_is_not_missed(room: Room) -> None:
    room.run([room.bell.set])

    assert room.begun_ms == [0, 0]


def test_a_deaf_rest_hears_afterwards_what_rang(room: Room, clock: Clock) -> None:
    clock.happens = {1: room.bell.set}

    room.run([Rest(5, deaf_s=0.1)])

    assert room.begun_ms == [0, 100]


@pytest.mark.parametrize("rest", [Rest(60), Rest(60, deaf_s=30)], ids=["resting", "deaf"])
def test_a_stop_ends_a_rest(room: Room, clock: Clock, rest: Rest) -> None:
    def stop() -> None:
        room.stop.set()
        room.bell.set()

    clock.happens = {1: stop}

    room.run([rest])

    assert len(room.begun_ms) == len(clock.waits) == 1


def test_a_stop_that_nobody_rings_for_is_seen_at_the_next_glance(room: Room, clock: Clock) -> None:
    clock.happens = {3: room.stop.set}

    room.run([Rest(60)])

    assert clock.waits == [GLANCE_S] * 3


def test_a_clock_that_is_set_forward_past_the_instant_is_seen_within_a_second(
    room: Room, clock: Clock
) -> None:
    hour_ms = 3_600_000
    clock.happens = {2: lambda: clock.set(NOON_MS + hour_ms)}

    room.run([Rest(2 * 3600, until_ms=NOON_MS + hour_ms)])

    assert room.begun_ms == [0, 2000]


def test_a_clock_that_is_set_back_lengthens_no_rest(room: Room, clock: Clock) -> None:
    clock.happens = {1: lambda: clock.set(NOON_MS - 3_600_000)}

    room.run([Rest(5, until_ms=NOON_MS + 4000)])

    assert room.begun_ms == [0, 5000]


@given(
    at_most_s=st.floats(0, 30),
    due_in_ms=st.none() | st.integers(-5000, 40_000),
    jumps=st.dictionaries(st.integers(1, 20), st.integers(-100_000, 100_000), max_size=3),
)
def test_whatever_the_clock_does_a_rest_ends_in_time(
    at_most_s: float, due_in_ms: int | None, jumps: dict[int, int]
) -> None:
    """It ends at most a glance after the instant has come, and after the while in any case."""
    clock = Clock()
    clock.happens = {
        turn: lambda by=by: clock.set(clock.wall_ms + by)  # type: ignore[misc] # mypy knows no such lambda
        for turn, by in jumps.items()
    }
    room = Room(clock)
    until_ms = None if due_in_ms is None else NOON_MS + due_in_ms

    room.run([Rest(at_most_s, until_ms=until_ms)])

    assert clock.ms <= at_most_s * 1000 + 2
    assert all(0 < wait <= GLANCE_S for wait in clock.waits)
    is_over = clock.ms >= at_most_s * 1000 - 2
    assert is_over or (until_ms is not None and clock.now_ms() >= until_ms)
