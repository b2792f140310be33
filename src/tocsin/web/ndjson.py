"""Lines out of a stream of bytes, of which nobody knows how long it or any line is."""

from typing import Final

from tocsin.web.imports import LONGEST_LINE_BYTES

NDJSON: Final = "application/x-ndjson"
MEDIA_TYPES: Final = (NDJSON, "application/ndjson", "application/jsonl")

TOO_LONG: Final = b"-" * (LONGEST_LINE_BYTES + 1)
"""What stands for a line that was longer than any may be: it is as good as that to import_lines."""


class Lines:
    """Cuts a stream into lines, holding no more of it than one line of LONGEST_LINE_BYTES."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in *piece*, without their line feeds; one may be TOO_LONG."""
        first, *others = piece.split(b"\n")
        self._begin(first)
        if not others:
            return []
        *whole, rest = others
        ended = self._end()
        self._begin(rest)
        return [ended, *(line if len(line) <= LONGEST_LINE_BYTES else TOO_LONG for line in whole)]

    def end(self) -> list[bytes]:
        """Return the line that the end of the stream ends, if one was begun."""
        return [self._end()] if self._begun else []

    def _begin(self, part: bytes) -> None:
        """Take more of the line at hand, up to where it is known to be too long."""
        self._begun += part[: len(TOO_LONG) - len(self._begun)]

    def _end(self) -> bytes:
        line = bytes(self._begun)
        self._begun.clear()
        return line if len(line) <= LONGEST_LINE_BYTES else TOO_LONG
