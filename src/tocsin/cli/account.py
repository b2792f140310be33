"""``tocsin account``."""

import click

from tocsin.cli.options import ready, with_program
from tocsin.domain.rate_limit import Rates
from tocsin.wiring import Program

_COUNT = click.IntRange(0, 1_000_000)


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


@account.command()
@click.argument("account", metavar="ACCOUNT")
@click.option("--burst", type=_COUNT, help="Requests that it may make in a second; 0: any number.")
@click.option("--steady", type=_COUNT, help="Requests that it may make in a minute; 0: any number.")
@click.option("--default", is_flag=True, help="None of its own any more: those of the settings.")
@with_program
def limits(
    program: Program, account: str, burst: int | None, steady: int | None, default: bool
) -> None:
    """Change the rate limits of ACCOUNT (id or name), if an option says so; print what holds."""
    if default and (burst, steady) != (None, None):
        raise click.UsageError("--default goes with neither --burst nor --steady")
    found = ready(program).accounts.find(account)
    if default:
        found = program.accounts.limit(account, burst=None, steady=None)
    elif (burst, steady) != (None, None):
        found = program.accounts.limit(
            account,
            burst=found.rate_burst if burst is None else burst,
            steady=found.rate_steady if steady is None else steady,
        )
    rates = found.rates(Rates(program.settings.rate_burst, program.settings.rate_steady))
    for name, count, own in (
        ("burst", rates.burst, found.rate_burst),
        ("steady", rates.steady, found.rate_steady),
    ):
        click.echo(f"{name} {count or 'unlimited'} ({'setting' if own is None else 'own'})")
