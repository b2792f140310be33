"""``tocsin token``."""

import click

from tocsin.cli.options import ready, with_program
from tocsin.domain.account import SCOPES
from tocsin.wiring import Program


@click.group()
def token() -> None:
    """Bearer tokens of the API."""


@token.command()
@click.option("--account", required=True, help="Id or name of the account it acts for.")
@click.option("--name", required=True, help="What it is for: you will know it by this name.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it may do; may be given more than once. Without it: everything.",
)
@with_program
def create(program: Program, account: str, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token; print it. It is shown this once."""
    click.echo(ready(program).accounts.create_token(account, name=name, scopes=scopes))
