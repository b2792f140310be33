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
        heard, self._leash = os.pipe()
        os.set_blocking(self._leash, False)
        self._leash_lock = threading.Lock()  # a number that is closed may be another file's next
        self._is_leashed = True
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "tocsin", *arguments], stdin=heard, env=dict(environment)
            )
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(heard)

    def poll(self) -> int | None:
        """Return the exit code of a process that ended, None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._let_go()
        return code

    def tell(self, words: Iterable[str]) -> None:
        """Pass words down the leash: what a process does not read in time, or at all, is lost."""
        with self._leash_lock, suppress(BlockingIOError, BrokenPipeError):
            if self._is_leashed:
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
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError("the process is still running") from None
        self._let_go()
        return code

    def _let_go(self) -> None:
        with self._leash_lock:
            if self._is_leashed:
                self._is_leashed = False
                os.close(self._leash)


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


def end_with_any_thread(tell: Callable[[str, BaseException], object]) -> None:
    """From now on let an error that ends a thread end the process, at once and with status 1.

    Half a process would look alive and do nothing. tell: hears of the thread's name and the error
    before that.
    """

    def on_error(fallen: threading.ExceptHookArgs) -> None:
        try:
            name = fallen.thread.name if fallen.thread else "?"
            tell(name, fallen.exc_value or fallen.exc_type())
        finally:
            os._exit(1)

    threading.excepthook = on_error


@contextmanager
def stop_on_signals(stop: threading.Event, *, leashed: bool = False) -> Iterator[None]:
    """Set *stop* on SIGTERM or SIGINT; a second one ends the process at once.

    leashed: leave SIGINT, and a second SIGTERM, to the parent. A terminal's Ctrl-C goes to every
    process of the group, and systemd's SIGTERM to every process of the service: the parent's
    SIGTERM would be the second signal of one wish.
    """
    heard, tell = os.pipe()
    asked = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked and leashed:
            return
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
