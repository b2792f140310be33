"""``tocsin subscribers``."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import click

from tocsin.cli.files import STANDARD, reading, size_of, told, writing
from tocsin.cli.options import ready, with_program
from tocsin.cli.progress import Progress
from tocsin.domain.listing import ListQuery
from tocsin.web.imports import FILE_AT_ONCE, export_line, import_lines
from tocsin.web.ndjson import Lines
from tocsin.wiring import Program

_SHOWN_ERRORS: Final = 20
_PIECE: Final = 256 * 1024
_FILE: Final = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.group()
def subscribers() -> None:
    """Bring subscribers in, and take them along."""


@subscribers.command("import")
@click.option("--account", required=True, help="Id or name of the account they belong to.")
@click.option(
    "--from-line",
    type=click.IntRange(min=1),
    default=1,
    help="Pass over the lines before this one: an import that ended early says which is next.",
)
@click.option(
    "--errors",
    "errors_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write one line of JSON for each refused line; with --from-line it is added to.",
)
@click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True)
)
@with_program
def import_(
    program: Program, account: str, from_line: int, errors_file: Path | None, file: Path
) -> None:
    """Take in the subscribers of FILE (- for standard input), one JSON object a line.

    May be run again at any time: whoever is known is updated.
    """
    scope = ready(program).accounts.find(account).scope
    if errors_file is not None and errors_file.exists() and errors_file.samefile(file):
        raise click.UsageError("--errors would overwrite the lines that are to be taken in")
    with told(file), _seldom_collecting(), ExitStack() as stack:
        source = _Source(stack.enter_context(reading(file)))
        errors = None
        if errors_file is not None:
            mode = "wb" if from_line == 1 else "ab"
            errors = stack.enter_context(errors_file.open(mode, buffering=0))
        progress = Progress(
            "importing",
            total=size_of(file),
            stream=sys.stderr,
            monotonic_ms=program.clock.monotonic_ms,
        )
        tally = _Tally(progress, errors, next_line=from_line)
        results = import_lines(
            source.lines(from_line),
            scope,
            subscribers=program.subscribers,
            containers=program.containers,
            first=from_line,
            at_once=FILE_AT_ONCE,
        )
        whole = False
        try:
            for result in results:
                tally.note(result)
                progress.at(source.read_bytes, tally.count)
            whole = True
        finally:
            progress.end(source.read_bytes, tally.count)
            tally.say_further()
            if not whole:
                click.echo(f"{tally}. {tally.where_to_go_on(from_line)}", err=True)
    click.echo(str(tally))
    program.subscribers.take_stock()
    if tally.refused:
        raise SystemExit(1)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage seldom: what a group of lines is made into goes with it, in no circles.

    Looking as often as ever takes a tenth of an import.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(slots=True)
class _Source:
    """What is read from; read_bytes: how much has been."""

    stream: IO[bytes]
    read_bytes: int = 0

    def lines(self, first: int) -> Iterator[bytes]:
        """Yield the lines from number *first* on."""
        passed_over = first - 1
        for lines in self._pieces():
            yield from lines[passed_over:]
            passed_over -= min(passed_over, len(lines))

    def _pieces(self) -> Iterator[list[bytes]]:
        cut = Lines()
        # What a pipe has is taken at once, however little it is.
        read = getattr(self.stream, "read1", self.stream.read)
        while piece := read(_PIECE):
            self.read_bytes += len(piece)
            yield cut.feed(piece)
        yield cut.end()


@dataclass(slots=True)
class _Tally:
    """What became of the lines. errors: where every refused line is written, if anywhere."""

    progress: Progress
    errors: IO[bytes] | None
    next_line: int
    created: int = 0
    updated: int = 0
    refused: int = 0

    @property
    def count(self) -> int:
        """Return how many lines were dealt with."""
        return self.created + self.updated + self.refused

    def note(self, result: dict[str, Any]) -> None:
        """Count a result; say what is wrong with the line, if anything."""
        if result["status"] == "created":
            self.created += 1
        elif result["status"] == "updated":
            self.updated += 1
        else:
            self.refused += 1
            self._say(result)
        self.next_line = result["line"] + 1

    def _say(self, result: dict[str, Any]) -> None:
        if self.errors is not None:
            self.errors.write(json.dumps(result, ensure_ascii=False).encode() + b"\n")
        if self.refused <= _SHOWN_ERRORS:
            self.progress.clear()
            click.echo(f"line {result['line']}: {result['message']}", err=True)

    def say_further(self) -> None:
        """Say how many refused lines were not told of."""
        if self.refused > _SHOWN_ERRORS:
            click.echo(f"... and {self.refused - _SHOWN_ERRORS} more lines", err=True)

    def where_to_go_on(self, first: int) -> str:
        """Return what somebody should know whose import ended early."""
        if self.next_line == first:
            return "No line is taken in: run it again"
        return (
            f"All lines before line {self.next_line} are dealt with: to go on, run it again with "
            f"--from-line {self.next_line}"
        )

    def __str__(self) -> str:
        return f"{self.created} created, {self.updated} updated, {self.refused} refused"


@subscribers.command()
@click.option("--account", required=True, help="Id or name of the account.")
@click.option(
    "--keys",
    is_flag=True,
    help="With endpoints and keys: whoever has the file can push to these people.",
)
@click.option(
    "--after",
    type=click.IntRange(min=0),
    help="Begin behind the subscriber with this id, the last one that is there already.",
)
@click.argument("file", type=_FILE)
@with_program
def export(program: Program, account: str, keys: bool, after: int | None, file: Path) -> None:
    """Write the subscribers to FILE (- for standard output), one JSON object a line.

    A file is there when it is whole, and for its owner alone to read.
    """
    scope = ready(program).accounts.find(account).scope
    total = None
    if sys.stderr.isatty() and after is None and file != STANDARD:
        total, _ = program.people.list(scope, ListQuery(limit=1))
    progress = Progress(
        "exporting", total=total, stream=sys.stderr, monotonic_ms=program.clock.monotonic_ms
    )
    count = 0
    with told(file), writing(file) as stream:
        for one in program.subscribers.export(scope, after=after):
            stream.write(export_line(one, keys=keys).encode() + b"\n")
            count += 1
            progress.at(count, count)
    progress.end(count, count)
    click.echo(f"{count} subscribers written", err=True)
