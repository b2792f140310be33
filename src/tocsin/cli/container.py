"""``tocsin container``."""

import json

import click

from tocsin.cli.options import ready, with_program
from tocsin.wiring import Program


@click.group()
def container() -> None:
    """Apps and sites that subscribers come from."""


@container.command()
@click.option("--account", required=True, help="Id or name of the account it belongs to.")
@click.option("--name", required=True, help="What people call the site.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    required=True,
    metavar="URL",
    help="Origin of its pages, such as https://www.example.com; may be given more than once.",
)
@with_program
def create(program: Program, account: str, name: str, origins: tuple[str, ...]) -> None:
    """Make a container; print its id, its public key and its VAPID public key as JSON."""
    ready(program).check_keys()
    scope = program.accounts.find(account).scope
    made = program.containers.create(scope, name=name, origins=origins)
    click.echo(
        json.dumps({"id": str(made.id), "key": made.key, "vapid_public_key": made.vapid_public_key})
    )


@container.command()
@click.argument("container", metavar="CONTAINER")
@with_program
def resume(program: Program, container: str) -> None:
    """Send again where push services refused the VAPID key of CONTAINER (id or public key)."""
    found, released = ready(program).containers.resume(container)
    for one in released:
        click.echo(f"container {found.id} is sent to again at {one.origin}")
    if not released:
        click.echo(f"container {found.id} is not paused: no push service refuses its key")
