"""The stage: every part of the demo set up in its order, and taken down again."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tocsin.demo import orders
from tocsin.demo.people import SEED, bring_in
from tocsin.demo.push_service import HOST, running
from tocsin.demo.site import Shop, Site
from tocsin.machine.clock import SystemClock
from tocsin.machine.http_server import HttpServer
from tocsin.settings import PREFIX, load
from tocsin.simulators.push_service import PushService
from tocsin.wiring import Program

# localhost is a secure context without https (Secure Contexts, section 3.1): service workers run.
NAME: Final = "localhost"
ACCOUNT: Final = "demo"
CONFIG: Final = "demo.toml"
# Settings that would lead the demo, and the subscribers it makes up, into a real server.
_NOT_OURS: Final = ("DATABASE_URL", "PUBLIC_URL", "PUSH_HOSTS", "SECRET_KEY_FILE")


class CannotStart(RuntimeError):
    """Something that the demo needs is not to be had; says what helps."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen; 0 takes any."""

    server: int
    site: int
    push_service: int


@dataclass(frozen=True, slots=True)
class Stage:
    """The demo, set up: all of it runs but the workers, whom ``program.crew()`` brings."""

    program: Program
    shop: Shop


@contextmanager
def data_directory(given: Path | None) -> Iterator[Path]:
    """Yield *given*, which must be new or empty, or a temporary directory removed at the end.

    Raises CannotStart.
    """
    if given is None:
        with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as temporary:
            yield Path(temporary)
        return
    given.mkdir(parents=True, exist_ok=True)
    if any(given.iterdir()):
        raise CannotStart(
            f"{given} is not empty: the demo begins anew each time, in a new directory"
        )
    yield given


@contextmanager
def staged(
    data: Path, *, environment: Mapping[str, str], ports: Ports, subscribers: int
) -> Iterator[Stage]:
    """Yield the demo, set up in *data*. Raises CannotStart, BadSetting."""
    for name in _NOT_OURS:
        if PREFIX + name in environment:
            raise CannotStart(
                f"{PREFIX}{name} is set, and meant for a real server: unset it, the demo has "
                "a database and a push service of its own"
            )
    service = PushService(seed=SEED, clock=SystemClock())
    with ExitStack() as stack:
        with _port(ports.push_service, "--push-service-port"):
            stack.enter_context(running(service, port=ports.push_service))
        config = data / CONFIG
        # In a file, because the workers are processes of their own and must read the same. The
        # shop's page looks every second, in as many windows as there are.
        config.write_text(
            f'push_hosts = ["{HOST}:{service.port}"]\nrate_burst = 0\nrate_steady = 0\n',
            encoding="utf-8",
        )
        program = Program(load(environment, config=config, data=data), config=config)
        stack.callback(program.close)
        program.prepare()
        site = Site()
        with _port(ports.server, "--port"):
            server = stack.enter_context(
                HttpServer(
                    program.web(),
                    host=HOST,
                    port=ports.server,
                    trusted_proxies=program.settings.trusted_proxies,
                )
            )
        with _port(ports.site, "--site-port"):
            site_server = stack.enter_context(HttpServer(site.app, host=HOST, port=ports.site))
        shop = _shop(program, service, server=server.port, site=site_server.port, count=subscribers)
        site.shop = replace(shop, first_task=_greet(shop))
        yield Stage(program, site.shop)


def _shop(program: Program, service: PushService, *, server: int, site: int, count: int) -> Shop:
    """Return the shop with an account, a token, a container and *count* virtual subscribers."""
    origin = f"http://{NAME}:{site}"
    account = program.accounts.create(ACCOUNT)
    container = program.containers.create(account.scope, name="Lamplight", origins=[origin])
    return Shop(
        origin=origin,
        server=f"http://{NAME}:{server}",
        key=container.key,
        token=program.accounts.create_token(ACCOUNT, name="the shop's backend"),
        push_service=service.base_url,
        people=bring_in(
            program, account.scope, container, service=service, count=count, site_host=NAME
        ),
    )


def _greet(shop: Shop) -> str:
    """Post the first task over HTTP, like any other; return its id."""
    answer = shop.hood.ask("POST", orders.PUSH_TASKS, orders.hello(landing_url=shop.landing_url))
    if answer.status != 201:
        raise CannotStart(f"the first push task was refused: {answer.value}")
    task_id: str = answer.value["id"]
    return task_id


@contextmanager
def _port(port: int, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"cannot listen on port {port} ({error.strerror}): choose another with {option}"
        ) from None
