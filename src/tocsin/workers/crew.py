"""The crew: starts the worker processes of a server, watches them, and stops them."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.telemetry.events import Event, Telemetry

GRACE_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.2
_FIRST_AGAIN_MS: Final = 500
_LONGEST_AGAIN_MS: Final = 30_000
_HEALTHY_AFTER_MS: Final = 60_000


class Process(Protocol):
    """A running process."""

    def poll(self) -> int | None: ...
    def tell(self, words: Iterable[str]) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Clock(Protocol):
    """Durations, and a wait that a stop ends."""

    def monotonic_ms(self) -> int: ...
    def wait(self, stop: threading.Event, seconds: float) -> bool: ...


@dataclass(slots=True)
class _Post:
    """A role that somebody must fill: the process that does, or when to start the next."""

    role: str
    process: Process | None = None
    started_ms: int = 0
    due_ms: int = 0
    falls: int = 0

    def fell(self, now_ms: int) -> float:
        """Note a fall; return in how many seconds the next process starts."""
        again_ms = min(_LONGEST_AGAIN_MS, _FIRST_AGAIN_MS << min(self.falls, 10))
        self.falls += 1
        self.due_ms = now_ms + again_ms
        return again_ms / 1000


class Crew:
    """Keeps one process per role alive. start: starts a process for a role."""

    def __init__(
        self,
        roles: Sequence[str],
        *,
        start: Callable[[str], Process],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._posts = [_Post(role) for role in roles]
        self._start = start
        self._clock = clock
        self._telemetry = telemetry

    def run(self, stop: threading.Event) -> None:
        """Keep every post filled until *stop*; then end all processes, the willing ones gently."""
        try:
            while not stop.is_set():
                for post in self._posts:
                    self._look_after(post)
                self._clock.wait(stop, _LOOK_EVERY_S)
        finally:
            self._dismiss()

    def ring(self, news: Iterable[str]) -> None:
        """Tell every process what was changed, for its bells."""
        for post in self._posts:
            process = post.process
            if process is not None:
                process.tell(news)

    def _look_after(self, post: _Post) -> None:
        now_ms = self._clock.monotonic_ms()
        if post.process is not None:
            code = post.process.poll()
            if code is None:
                return
            post.process = None
            if now_ms - post.started_ms > _HEALTHY_AFTER_MS:
                post.falls = 0
            again_in_s = post.fell(now_ms)
            self._telemetry.emit(
                Event.PROCESS_ENDED, role=post.role, code=code, again_in_s=again_in_s
            )
        if now_ms >= post.due_ms:
            self._fill(post, now_ms)

    def _fill(self, post: _Post, now_ms: int) -> None:
        """Start a process; a machine that has no room for one now may have it later."""
        try:
            post.process = self._start(post.role)
        except OSError as error:
            again_in_s = post.fell(now_ms)
            self._telemetry.emit(
                Event.PROCESS_NOT_STARTED,
                role=post.role,
                error=error.strerror,
                again_in_s=again_in_s,
            )
        else:
            post.started_ms = now_ms

    def _dismiss(self) -> None:
        running = [post.process for post in self._posts if post.process is not None]
        for process in running:
            process.terminate()
        until_ms = self._clock.monotonic_ms() + int(GRACE_S * 1000)
        for process in running:
            try:
                process.wait(max(0.0, (until_ms - self._clock.monotonic_ms()) / 1000))
            except TimeoutError:
                process.kill()
                process.wait()
