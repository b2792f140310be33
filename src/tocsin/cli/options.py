"""What every command that works on a server's data takes: where the data are."""

import functools
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tocsin.machine.environment import environment
from tocsin.machine.processes import end_with_any_thread
from tocsin.settings import load
from tocsin.telemetry.events import Event, where
from tocsin.wiring import Program


def with_program(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the program as its first argument, built from ``--data`` and ``--config``."""

    @click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of the embedded database; else TOCSIN_DATA, else ./tocsin-data.",
    )
    @click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="TOML file of settings; environment variables outdo it.",
    )
    @functools.wraps(command)
    def run(*args: Any, data: Path | None, config: Path | None, **kwargs: Any) -> None:
        program = Program(load(environment(), config=config, data=data), config=config)
        # The program's own code outlives the command: an import of millions of lines spends a
        # sixth of its time on looking through it for garbage.
        gc.freeze()
        try:
            command(program, *args, **kwargs)
        finally:
            program.close()

    return run


def ready(program: Program) -> Program:
    """Return *program* once its database has this program's schema, or end with what to do."""
    status = program.schema()
    if status.current is None:
        raise click.ClickException(
            f"{program.settings.database_place} has no Tocsin in it yet: start tocsin serve, "
            "or run tocsin db upgrade"
        )
    if status.pending:
        raise click.ClickException("the database is of an older Tocsin: run tocsin db upgrade")
    return program


def be_whole(program: Program) -> None:
    """From now on let an error that ends a thread end the process, with a line in the log."""

    def tell(name: str, error: BaseException) -> None:
        program.telemetry.emit(
            Event.THREAD_FAILED, thread=name, error=type(error).__name__, where=where(error)
        )

    end_with_any_thread(tell)
