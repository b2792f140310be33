"""``tocsin doctor``."""

import click

from tocsin.cli.options import ready, with_program
from tocsin.wiring import Program


@click.command()
@click.option("--rebuild-audience", is_flag=True, help="Make the audience index anew first.")
@with_program
def doctor(program: Program, rebuild_audience: bool) -> None:
    """Check what can be checked while the server runs; status 1 when something is wrong."""
    ready(program)
    if rebuild_audience:
        click.echo(f"audience index made anew: {program.indexing.rebuild()} shards of it")
    sound = True
    for question, complaint in program.examine():
        click.echo(f"{'ok  ' if complaint is None else 'BAD '} {question}")
        if complaint is not None:
            click.echo(f"     {complaint}")
            sound = False
    if not sound:
        raise SystemExit(1)
