"""``tocsin subscribers``."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from tocsin.cli.options import ready, with_program
from tocsin.web.imports import export_line, import_lines
from tocsin.wiring import Program

_SHOWN_ERRORS = 20
_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.group()
def subscribers() -> None:
    """Bring subscribers in, and take them along."""


@subscribers.command("import")
@click.option("--account", required=True, help="Id or name of the account they belong to.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@with_program
def import_(program: Program, account: str, file: Path) -> None:
    """Take in the subscribers of FILE, one JSON object a line. May be run again at any time."""
    scope = ready(program).accounts.find(account).scope
    counts = {"created": 0, "updated": 0, "error": 0}
    with (
        file.open("rb") as stream,
        click.progressbar(length=file.stat().st_size, label="importing", show_pos=False) as bar,
    ):
        results = import_lines(
            _measured(stream, bar.update),
            scope,
            subscribers=program.subscribers,
            containers=program.containers,
        )
        errors: list[str] = []
        for result in results:
            counts[result["status"]] += 1
            if result["status"] == "error" and len(errors) < _SHOWN_ERRORS:
                errors.append(f"line {result['line']}: {result['message']}")
    for error in errors:
        click.echo(error, err=True)
    if counts["error"] > len(errors):
        click.echo(f"... and {counts['error'] - len(errors)} more lines", err=True)
    click.echo(
        f"{counts['created']} created, {counts['updated']} updated, {counts['error']} refused"
    )
    if counts["error"]:
        raise SystemExit(1)


@subscribers.command()
@click.option("--account", required=True, help="Id or name of the account.")
@click.option(
    "--keys",
    is_flag=True,
    help="With endpoints and keys: whoever has the file can push to these people.",
)
@click.argument("file", type=_FILE)
@with_program
def export(program: Program, account: str, keys: bool, file: Path) -> None:
    """Write the subscribers to FILE (- for standard output), one JSON object a line."""
    scope = ready(program).accounts.find(account).scope
    count = 0
    with click.open_file(str(file), "w", encoding="utf-8", atomic=str(file) != "-") as stream:
        for one in program.subscribers.export(scope):
            stream.write(export_line(one, keys=keys) + "\n")
            count += 1
    click.echo(f"{count} subscribers written", err=True)


def _measured(stream: BinaryIO, update: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the lines of *stream*, moving the progress bar by their bytes."""
    for line in stream:
        update(len(line))
        yield line
