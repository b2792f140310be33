"""``tocsin token``."""

import json

import click

from tocsin.cli.options import ready, with_program
from tocsin.domain.account import SCOPES
from tocsin.domain.instants import InstantError, parse_instant
from tocsin.domain.listing import LARGEST_SIZE, ListQuery
from tocsin.web.hood.tokens import token_view
from tocsin.wiring import Program


class _Instant(click.ParamType[int]):
    """An instant as the API takes it."""

    name = "instant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return *value* as milliseconds since 1970-01-01 UTC."""
        try:
            return parse_instant(value)
        except InstantError as error:
            self.fail(f"{value!r} {error}", param, ctx)


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
@click.option(
    "--valid-from", type=_Instant(), help="'YYYY-MM-DD HH:MM:SS', GMT, or RFC 3339; else now."
)
@click.option("--valid-until", type=_Instant(), help="The same; else it is good until revoked.")
@with_program
def create(
    program: Program,
    *,
    account: str,
    name: str,
    scopes: tuple[str, ...],
    valid_from: int | None,
    valid_until: int | None,
) -> None:
    """Make a token; print it. It is shown this once."""
    click.echo(
        ready(program).accounts.create_token(
            account,
            name=name,
            scopes=scopes,
            valid_from_ms=valid_from,
            valid_until_ms=valid_until,
        )
    )


@token.command("list")
@click.option("--account", required=True, help="Id or name; a root account shows its children's.")
@with_program
def list_(program: Program, account: str) -> None:
    """Print the tokens of an account that are not revoked, one JSON object a line, newest first."""
    scope = ready(program).accounts.find(account).scope
    offset = 0
    while found := program.accounts.tokens(scope, ListQuery(offset=offset, limit=LARGEST_SIZE))[1]:
        for one in found:
            click.echo(json.dumps(token_view(one), ensure_ascii=False))
        offset += len(found)


@token.command()
@click.option("--account", required=True, help="Id or name of the account that it acts for.")
@click.argument("token_id", type=click.IntRange(1, 2**63 - 1), metavar="ID")
@with_program
def revoke(program: Program, account: str, token_id: int) -> None:
    """Revoke the token with this ID (see tocsin token list), for good and within a second."""
    scope = ready(program).accounts.find(account).scope
    program.accounts.revoke_token(scope, token_id)
