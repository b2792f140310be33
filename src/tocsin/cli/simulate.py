"""``tocsin simulate``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import click

from tocsin.exchange.taken import web_url
from tocsin.simulators import exchange as exchange_simulator
from tocsin.simulators.exchange import FEED_PATH, OPENRTB_PATH, Exchange
from tocsin.simulators.push_service import PushService, run
from tocsin.simulators.virtual_subscribers import write_import_file

_FILE = click.Path(dir_okay=False, path_type=Path)
_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def simulate() -> None:
    """Peers that check what they get, and misbehave on demand."""


@simulate.command("push-service")
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, help="Port to listen on.")
@click.option("--tls-cert", type=_PEM, help="Certificate chain, PEM: speak https.")
@click.option("--tls-key", type=_PEM, help="The certificate's private key, PEM.")
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
    _check_pair(tls_cert, tls_key)
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

    with _saying_what_fails(host, port):
        run(host=host, port=port, seed=seed, tls_cert=tls_cert, tls_key=tls_key, ready=listening)


@simulate.command()
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8091,
    show_default=True,
    help="Port to listen on; 0: a free one.",
)
@click.option("--tls-cert", type=_PEM, help="Certificate chain, PEM: speak https.")
@click.option("--tls-key", type=_PEM, help="The certificate's private key, PEM.")
@click.option("--public-url", default="", help="Where devices reach it, if not at that address.")
def exchange(
    host: str, port: int, tls_cert: Path | None, tls_key: Path | None, public_url: str
) -> None:
    """Be a demand source: check, sell, count. GET /report tells what came."""
    _check_pair(tls_cert, tls_key)
    if public_url and web_url(public_url) is None:
        raise click.UsageError(f"--public-url {public_url!r} is no URL that a browser may open")

    def listening(running: Exchange) -> None:
        click.echo(f"The exchange is listening on {running.base_url}")
        url = _named(running.base_url)
        click.echo(f"Let the server ask it: TOCSIN_EXCHANGE_HOSTS={urlsplit(url).netloc}")
        click.echo("Make a zone, with POST /v1/hood/zones and one of these bodies:")
        for protocol, path in (("feed", FEED_PATH), ("openrtb", OPENRTB_PATH)):
            body = {"name": "Simulated", "protocol": protocol, "url": url + path}
            click.echo(json.dumps(body))

    with _saying_what_fails(host, port):
        exchange_simulator.run(
            host=host,
            port=port,
            tls_cert=tls_cert,
            tls_key=tls_key,
            public_url=public_url,
            ready=listening,
        )


def _check_pair(tls_cert: Path | None, tls_key: Path | None) -> None:
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")


def _named(url: str) -> str:
    """Return *url* with the name of this machine for an address of it: zones have named hosts."""
    parts = urlsplit(url)
    try:
        address = ip_address(parts.hostname or "")
    except ValueError:
        return url
    if address.is_loopback or address.is_unspecified:
        return parts._replace(netloc=f"localhost:{parts.port}").geturl()
    return url


@contextmanager
def _saying_what_fails(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.filename or f"cannot serve on {host}, port {port}"
        raise click.ClickException(f"{what}: {error.strerror or error}") from None
