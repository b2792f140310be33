"""Child processes that do not outlive their parent, and the signals that end a process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType


class Child:
    """A running copy of this program. It ends when its parent does: its leash is cut then.

    The leash is its standard input. It carries words: see tell, and follow_leash.
    """

    def __init__(self, arguments: Sequence[str], *, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "tocsin", *arguments],
            stdin=subprocess.PIPE,
            env=dict(environment),
        )
        if self._process.stdin is None:
            raise RuntimeError("the process was started without a leash")
        self._leash = self._process.stdin.fileno()
        os.set_blocking(self._leash, False)

    def poll(self) -> int | None:
        """Return the exit code of a process that ended, None while it runs."""
        return self._process.poll()

    def tell(self, words: Iterable[str]) -> None:
        """Pass words down the leash: what a process does not read in time, or at all, is lost."""
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._leash, " ".join(words).encode() + b"\n")

    def terminate(self) -> None:
        """Ask the process to finish what it has begun and end."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once the process ended. Raises TimeoutError after *timeout* s."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError("the process is still running") from None


def follow_leash(cut: Callable[[], object], *, told: Callable[[Sequence[str]], object]) -> None:
    """Call *told* with what the parent tells, and *cut* when it ends.

    It holds the other end of our standard input.
    """

    def watch() -> None:
        with open(0, "rb", closefd=False) as leash:
            for line in leash:
                told(line.decode().split())
        cut()

    threading.Thread(target=watch, name="leash", daemon=True).start()


@contextmanager
def stop_on_signals(stop: threading.Event, *, leashed: bool = False) -> Iterator[None]:
    """Set *stop* on SIGTERM or SIGINT; a second one ends the process at once.

    leashed: leave SIGINT to the parent. A terminal's Ctrl-C goes to every process of the group,
    and the parent's SIGTERM would be the second signal of one wish.
    """
    heard, tell = os.pipe()
    asked = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True
        # Not stop.set(): the code that the signal interrupts may hold the lock of *stop*.
        os.write(tell, b"!")

    def listen() -> None:
        if os.read(heard, 1):
            stop.set()

    listener = threading.Thread(target=listen, name="signals")
    listener.start()
    handlers = {
        signal.SIGTERM: on_signal,
        signal.SIGINT: signal.SIG_IGN if leashed else on_signal,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(tell)
        listener.join()
        os.close(heard)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))
