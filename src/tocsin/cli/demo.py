"""``tocsin demo``."""

import threading
from pathlib import Path

import click

from tocsin.demo.stage import CannotStart, Ports, Stage, data_directory, staged
from tocsin.machine.environment import environment
from tocsin.machine.processes import stop_on_signals

_MOST_SUBSCRIBERS = 100_000


@click.command()
@click.option("--port", default=8080, show_default=True, help="Port of the server; 0 takes any.")
@click.option("--site-port", default=8081, show_default=True, help="Port of the made-up shop.")
@click.option(
    "--push-service-port",
    default=8090,
    show_default=True,
    help="Port of the virtual subscribers' push service.",
)
@click.option(
    "--subscribers",
    type=click.IntRange(1, _MOST_SUBSCRIBERS),
    default=200,
    show_default=True,
    help="How many virtual subscribers the shop has.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="New directory to keep the data in; else a temporary one, removed at the end.",
)
def demo(
    port: int, site_port: int, push_service_port: int, subscribers: int, data: Path | None
) -> None:
    """Run everything with a made-up shop: send a push to your own browser. Ctrl-C ends it."""
    ports = Ports(server=port, site=site_port, push_service=push_service_port)
    stop = threading.Event()
    try:
        with (
            stop_on_signals(stop),
            data_directory(data) as directory,
            staged(
                directory, environment=environment(), ports=ports, subscribers=subscribers
            ) as stage,
        ):
            _explain(stage, directory, kept=data is not None)
            stage.program.crew().run(stop)
    except CannotStart as error:
        raise click.ClickException(str(error)) from None


def _explain(stage: Stage, directory: Path, *, kept: bool) -> None:
    """Say where to click, and what is real and what is not."""
    shop = stage.shop
    click.echo(
        f"""
The demo runs. Open this page, and press "Subscribe this browser":

    {shop.origin}/

Your own browser is a real subscriber: a push to it goes through the push service of the
browser's maker, so this machine needs the internet, and comes back as a notification.

The {len(shop.people)} virtual subscribers need none. They are browsers only by arithmetic, but with
keys of their own: their push service at {shop.push_service} checks and decrypts every
message as a browser would. The page shows what they get.

The server's API is at {shop.server}. For curl, in another terminal:

    export TOKEN={shop.token}

The data are in {directory}{"" if kept else ", and are removed at the end"}.
Ctrl-C ends everything.
"""
    )
