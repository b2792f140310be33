"""``tocsin simulate``."""

from pathlib import Path

import click

from tocsin.simulators.push_service import PushService, run
from tocsin.simulators.virtual_subscribers import write_import_file

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def simulate() -> None:
    """Peers that check what they get, and misbehave on demand."""


@simulate.command("push-service")
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, help="Port to listen on.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain, PEM: speak https.")
@click.option("--tls-key", type=_FILE, help="The certificate's private key, PEM.")
@click.option("--seed", default="tocsin", show_default=True, help="Makes the same people again.")
@click.option("--subscribers", type=click.IntRange(min=1), help="How many to write for import.")
@click.option("--write-import", type=_FILE, help="File for tocsin subscribers import.")
@click.option("--container", help="Id or key of the container that they subscribe to.")
@click.option(
    "--vapid-key", help="The container's VAPID public key: pushes by another are refused."
)
def push_service(  # noqa: PLR0917 - click passes options by name
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    seed: str,
    subscribers: int | None,
    write_import: Path | None,
    container: str | None,
    vapid_key: str | None,
) -> None:
    """Be a push service: verify, decrypt, count. GET /report tells what came."""
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if len({subscribers is None, write_import is None, container is None}) > 1:
        raise click.UsageError("--subscribers, --write-import and --container go together")

    def listening(running: PushService) -> None:
        if subscribers is not None and write_import is not None and container is not None:
            with write_import.open("w", encoding="utf-8") as file:
                write_import_file(
                    file,
                    count=subscribers,
                    container=container,
                    base_url=running.base_url,
                    seed=seed,
                    vapid_public_key=vapid_key,
                )
            click.echo(f"Wrote {subscribers} subscribers to {write_import}")
        click.echo(f"The push service is listening on {running.base_url}")

    run(host=host, port=port, seed=seed, tls_cert=tls_cert, tls_key=tls_key, ready=listening)
