"""The crew keeps every post filled, and passes on what was changed."""

import io
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from tocsin.telemetry.events import Telemetry
from tocsin.workers.crew import Crew


@dataclass
class FakeProcess:
    """Runs until told; *stubborn* ones only end when killed."""

    role: str
    stubborn: bool = False
    code: int | None = None
    told: list[str] = field(default_factory=list)
    heard: list[tuple[str, ...]] = field(default_factory=list)

    def tell(self, words: Iterable[str]) -> None:
        self.heard.append(tuple(words))

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.told.append("terminate")
        if not self.stubborn:
            self.code = 0

    def kill(self) -> None:
        self.told.append("kill")
        self.code = -9

    def wait(self, timeout: float | None = None) -> int:
        self.told.append(f"wait {timeout:g}" if timeout is not None else "wait")
        if self.code is None:
            raise TimeoutError
        return self.code


@dataclass
class FakeClock:
    """Time passes only in waits; at each, *happens* is called with the time."""

    stop: threading.Event
    happens: Callable[[int], object]
    ms: int = 0
    waits: list[float] = field(default_factory=list)

    def monotonic_ms(self) -> int:
        return self.ms

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.ms += round(seconds * 1000)
        self.happens(self.ms)
        return stop.is_set()


@dataclass
class House:
    """A crew of fakes that runs for a while."""

    seconds: float = 1
    stubborn: bool = False
    lives_ms: int | None = None
    start_fails: int = 0
    started: list[tuple[int, FakeProcess]] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)

    def start(self, role: str) -> FakeProcess:
        if self.start_fails:
            self.start_fails -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        process = FakeProcess(role, stubborn=self.stubborn)
        self.started.append((self.clock.ms, process))
        return process

    def happens(self, ms: int) -> None:
        for started_ms, process in self.started:
            if self.lives_ms is not None and ms - started_ms >= self.lives_ms:
                process.code = 1
        if ms >= self.seconds * 1000:
            self.stop.set()

    def run(self, *roles: str) -> None:
        self.stop = threading.Event()
        self.clock = FakeClock(self.stop, self.happens)
        telemetry = Telemetry(log_format="json", stream=self.log)
        self.crew = Crew(roles, start=self.start, clock=self.clock, telemetry=telemetry)
        self.crew.run(self.stop)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def test_every_post_is_filled_once_and_dismissed_gently() -> None:
    house = House()

    house.run("planner", "sender", "sender")

    assert [process.role for _, process in house.started] == ["planner", "sender", "sender"]
    assert [process.told for _, process in house.started] == [["terminate", "wait 15"]] * 3
    assert house.lines() == []


def test_who_does_not_go_is_ended() -> None:
    house = House(stubborn=True)

    house.run("sender")

    assert [process.told for _, process in house.started] == [
        ["terminate", "wait 15", "kill", "wait"]
    ]


def test_a_process_that_keeps_falling_is_started_again_ever_later() -> None:
    house = House(seconds=130, lives_ms=200)

    house.run("sender")

    begun = [ms for ms, _ in house.started]
    gaps_s = [(later - earlier) / 1000 for earlier, later in pairwise(begun)]
    assert gaps_s == pytest.approx([0.7, 1.2, 2.2, 4.2, 8.2, 16.2, 30.2, 30.2, 30.2], abs=0.21)
    assert [line["again_in_s"] for line in house.lines()][:4] == [0.5, 1.0, 2.0, 4.0]
    assert {(line["event"], line["role"], line["code"]) for line in house.lines()} == {
        ("process_ended", "sender", 1)
    }


def test_a_process_that_was_healthy_is_started_again_soon() -> None:
    house = House(seconds=200, lives_ms=61_000)

    house.run("sender")

    assert {line["again_in_s"] for line in house.lines()} == {0.5}


def test_a_process_that_cannot_be_started_is_tried_again() -> None:
    house = House(seconds=5, start_fails=2)

    house.run("planner", "sender")

    assert sorted(process.role for _, process in house.started) == ["planner", "sender"]
    assert [(line["event"], line["role"], line["error"]) for line in house.lines()] == [
        ("process_not_started", "planner", "Resource temporarily unavailable"),
        ("process_not_started", "sender", "Resource temporarily unavailable"),
    ]


def test_a_crew_that_fails_leaves_no_process_behind() -> None:
    house = House()

    def fail(_ms: int) -> None:
        raise RuntimeError("a fault of ours")

    house.happens = fail  # type: ignore[method-assign] # the fake's script
    with pytest.raises(RuntimeError, match="a fault of ours"):
        house.run("sender")

    assert [process.told for _, process in house.started] == [["terminate", "wait 15"]]


def test_what_was_changed_is_told_to_every_process() -> None:
    house = House(seconds=3, start_fails=1)
    house.happens = lambda ms: (house.crew.ring(["parcels"]), House.happens(house, ms))  # type: ignore[method-assign] # the fake's script

    house.run("planner", "sender")

    assert [set(process.heard) for _, process in house.started] == [{("parcels",)}] * 2
