"""``tocsin db``."""

import click

from tocsin.cli.options import with_program
from tocsin.wiring import Program


@click.group()
def db() -> None:
    """The database's schema."""


@db.command()
@with_program
def upgrade(program: Program) -> None:
    """Bring the database to the schema of this program."""
    before = program.upgrade()
    if before.pending:
        click.echo(f"upgraded {program.settings.database_place}: {', '.join(before.pending)}")
    else:
        click.echo(f"{program.settings.database_place} is up to date at {before.current}")


@db.command()
@with_program
def status(program: Program) -> None:
    """Say how far the database is; status 1 when it needs an upgrade."""
    found = program.schema()
    click.echo(f"{program.settings.database_place} is at {found.current or 'the very beginning'}")
    if found.pending:
        click.echo(f"to do: {', '.join(found.pending)} (tocsin db upgrade)")
        raise SystemExit(1)
