"""``tocsin account``."""

import click

from tocsin.cli.options import ready, with_program
from tocsin.wiring import Program


@click.group()
def account() -> None:
    """Tenants, and their divisions."""


@account.command()
@click.argument("name")
@click.option("--parent", metavar="ACCOUNT", help="Make it a child of this account (id or name).")
@with_program
def create(program: Program, name: str, parent: str | None) -> None:
    """Make an account; print its id."""
    click.echo(ready(program).accounts.create(name, parent=parent).id)
