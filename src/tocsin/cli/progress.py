"""How far a long command is, on one line of a terminal; elsewhere nothing is said of it."""

from collections.abc import Callable
from typing import Final, TextIO

_EVERY_MS: Final = 100
_ERASE: Final = "\r\x1b[K"  # to the start of the line, and clear it (ECMA-48, EL)


class Progress:
    """One line on *stream*, drawn anew ten times a second at most.

    doing: the word that it begins with. total: how much there is to do, None when nobody knows.
    """

    def __init__(
        self, doing: str, *, total: int | None, stream: TextIO, monotonic_ms: Callable[[], int]
    ) -> None:
        self._doing = doing
        self._total = total
        self._stream = stream
        self._is_shown = stream.isatty()
        self._monotonic_ms = monotonic_ms
        self._began_ms = self._drawn_ms = monotonic_ms()

    def at(self, done: int, count: int) -> None:
        """Tell how much of the total is done, and how many things have come of it."""
        if not self._is_shown:
            return
        now_ms = self._monotonic_ms()
        if now_ms - self._drawn_ms >= _EVERY_MS:
            self._draw(done, count, now_ms)

    def end(self, done: int, count: int) -> None:
        """Draw for the last time, and leave the line."""
        if self._is_shown:
            self._draw(done, count, self._monotonic_ms())
            self._stream.write("\n")
            self._stream.flush()

    def clear(self) -> None:
        """Make room for a line of something else."""
        if self._is_shown:
            self._stream.write(_ERASE)
            self._stream.flush()

    def _draw(self, done: int, count: int, now_ms: int) -> None:
        self._drawn_ms = now_ms
        line = progress_line(
            self._doing, done=done, total=self._total, count=count, ms=now_ms - self._began_ms
        )
        self._stream.write(f"{_ERASE}{line}")
        self._stream.flush()


def progress_line(doing: str, *, done: int, total: int | None, count: int, ms: int) -> str:
    """Return what the line says. ms: since the beginning."""
    words = [doing]
    if total:
        words.append(f"{min(100, done * 100 // total)} %")
    words.append(f"{count:,}")
    if ms:
        words.append(f"{count * 1000 // ms:,}/s")
    if total and 0 < done < total:
        seconds = (total - done) * ms // done // 1000
        words.append(f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left")
    return "  ".join(words)
