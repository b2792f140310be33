"""``tocsin serve``."""

import json
import threading

import click

from tocsin.cli.options import be_whole, with_program
from tocsin.domain.errors import Conflict
from tocsin.machine.http_server import HttpServer
from tocsin.machine.processes import stop_on_signals
from tocsin.telemetry.events import Event
from tocsin.wiring import Program

FIRST_ACCOUNT = "main"
_FIRST_TASK = {
    "name": "Hello",
    "status": 1,
    "start_time": "immediately",
    "message": {
        "title": {"en": "Hello from Tocsin"},
        "body": {"en": "My first push task"},
        "landing_url": "https://www.example.com/",
    },
}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on; 0 takes any.")
@click.option(
    "--role",
    type=click.Choice(["all", "web"]),
    default="all",
    show_default=True,
    help="web leaves planning and sending to tocsin worker.",
)
@with_program
def serve(program: Program, host: str, port: int, role: str) -> None:
    """Run everything: the API, the edge, planning and sending."""
    program.prepare()
    be_whole(program)
    stop = threading.Event()
    http = HttpServer(
        program.web(),
        host=host,
        port=port,
        request_timeout_s=program.settings.request_timeout,
        trusted_proxies=program.settings.trusted_proxies,
    )
    with stop_on_signals(stop), http as server:
        address = f"http://{host}:{server.port}"
        if program.accounts.is_empty():
            _welcome(program, address)
        click.echo(f"Tocsin is listening on {address}")
        program.telemetry.emit(Event.STARTED, role=role, address=address)
        if role == "all":
            crew = program.crew()
            listener = program.listener(crew.ring)
            threading.Thread(target=listener.run, args=(stop,), name="listener").start()
            try:
                crew.run(stop)
            finally:
                stop.set()
        else:
            stop.wait()
        program.telemetry.emit(Event.STOPPING, role=role)
    program.telemetry.emit(Event.STOPPED, role=role)


def _welcome(program: Program, address: str) -> None:
    """Make the first account and its token, and say how to post a first push task."""
    try:
        program.accounts.create(FIRST_ACCOUNT)
    except Conflict:  # another process was faster, and says it
        return
    token = program.accounts.create_token(FIRST_ACCOUNT, name="made at the first start")
    click.echo(
        f"""
This is the first start. In {program.settings.database_place}
the account {FIRST_ACCOUNT!r} was made. Its token, shown this once:

    {token}

A first push task:

    curl -X POST {address}/v1/hood/push-tasks \\
      -H 'Authorization: Bearer {token}' \\
      -H 'Content-Type: application/json' \\
      -d '{json.dumps(_FIRST_TASK)}'

It reaches nobody yet: tocsin demo shows the whole path, and the README how to put the tag
on a page of yours.
"""
    )
