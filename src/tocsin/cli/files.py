"""Files that commands read and write, and what is wrong with one in a sentence."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import click

STANDARD: Final = Path("-")


@contextmanager
def told(file: Path) -> Iterator[None]:
    """End the command with a sentence when *file* can not be read or written."""
    try:
        yield
    except BrokenPipeError:  # whoever reads from us has enough
        raise
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}") from None


def size_of(file: Path) -> int | None:
    """Return how many bytes *file* has, None for one that has no end of its own."""
    return file.stat().st_size if file != STANDARD and file.is_file() else None


@contextmanager
def reading(file: Path) -> Iterator[IO[bytes]]:
    """Open *file*, - for standard input."""
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


@contextmanager
def writing(file: Path) -> Iterator[IO[bytes]]:
    """Open *file*, - for standard output, to be written anew.

    It is there when it is whole, and readable by nobody but its owner; until then, and after
    an error, what was there before stays.
    """
    if file == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    file = file.resolve()
    if file.exists() and not file.is_file():  # a pipe, say, which nothing can be put in place of
        with file.open("wb") as stream:
            yield stream
        return
    with tempfile.NamedTemporaryFile(
        dir=file.parent, prefix=f".{file.name}.", delete=False
    ) as stream:
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            Path(stream.name).replace(file)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise
