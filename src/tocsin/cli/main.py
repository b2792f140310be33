"""The command ``tocsin``."""

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from tocsin import __version__
from tocsin.cli.account import account
from tocsin.cli.container import container
from tocsin.cli.db import db
from tocsin.cli.demo import demo
from tocsin.cli.doctor import doctor
from tocsin.cli.serve import serve
from tocsin.cli.simulate import simulate
from tocsin.cli.subscribers import subscribers
from tocsin.cli.token import token
from tocsin.cli.worker import worker
from tocsin.domain.errors import TocsinError, Unavailable
from tocsin.domain.keyring import CannotUnseal
from tocsin.machine.geoip import BadGeoipDatabase
from tocsin.machine.secret_key import BadSecretKey
from tocsin.settings import BadSetting
from tocsin.store.engine import UnsupportedDatabase
from tocsin.store.migrate import NewerSchema
from tocsin.webpush.endpoint import BadPushHost
from tocsin.wiring import NeedsUpgrade

_FORESEEN = (
    TocsinError,
    BadGeoipDatabase,
    BadSetting,
    BadSecretKey,
    BadPushHost,
    CannotUnseal,
    NeedsUpgrade,
    NewerSchema,
    UnsupportedDatabase,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tocsin")
def tocsin() -> None:
    """A self-hosted push-campaign server."""


for command in (
    account,
    container,
    db,
    demo,
    doctor,
    serve,
    simulate,
    subscribers,
    token,
    worker,
):
    tocsin.add_command(command)


def main() -> None:
    """Run the command line; what was foreseen ends with one clear line and status 1."""
    try:
        tocsin()
    except (SQLAlchemyError, Unavailable) as error:
        click.echo(f"tocsin: the database refused: {_first_line(error)}", err=True)
        sys.exit(1)
    except _FORESEEN as error:
        click.echo(f"tocsin: {error}", err=True)
        sys.exit(1)


def _first_line(error: SQLAlchemyError | Unavailable) -> str:
    """Return what the driver said, without the statement and its values."""
    found = error.__cause__ or error if isinstance(error, Unavailable) else error
    return str(found.__cause__ or found).strip().partition("\n")[0]
