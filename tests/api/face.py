"""The real HTTP face on a real port, and a client that speaks plainly."""

import http.client
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from doubles import FakeClock, SeededEntropy
from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.machine.http_server import HttpServer
from tocsin.services.counting import Counting
from tocsin.services.cutting import Cutting
from tocsin.services.planning import Planning
from tocsin.services.sweeping import Sweeping
from tocsin.settings import Settings
from tocsin.simulators.virtual_subscribers import VirtualSubscribers
from tocsin.store.engine import Database
from tocsin.wiring import Program

ORIGIN: Final = "https://www.example.com"
PUSH_SERVICE: Final = "https://fcm.googleapis.com"
BROWSERS: Final = VirtualSubscribers("api")
_NUMBERS: Final = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Face:
    """A program's HTTP face, serving; its clock moves only when told."""

    def __init__(self, program: Program, port: int) -> None:
        self.program = program
        self.port = port

    @property
    def clock(self) -> FakeClock:
        """The clock of the program."""
        clock = self.program.clock
        assert isinstance(clock, FakeClock)
        return clock

    @property
    def address(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send one request. body: bytes as they are, anything else as JSON."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def plan(self) -> None:
        """Make executions of all due slots; end and close what they outdid."""
        now_ms, store = self.clock.now_ms(), self.program.store
        while Planning(store).plan(now_ms=now_ms):
            pass
        self.close()

    def cut_and_close(self) -> None:
        """Cut everything that is to be cut, and close what has nobody to be sent."""
        while Cutting(self.program.store).cut(now_ms=self.clock.now_ms()):
            pass
        self.close()

    def close(self) -> None:
        """Sweep up what was ended, and close what is over."""
        store, now_ms = self.program.store, self.clock.now_ms()
        while Sweeping(store).sweep(now_ms=now_ms):
            pass
        while Counting(store).close(now_ms=now_ms):
            pass

    def account(self, parent: Account | None = None) -> Account:
        """Return a new account."""
        above = None if parent is None else str(parent.id)
        return self.program.accounts.create(f"account {next(_NUMBERS)}", parent=above)

    def token(self, owner: Account, *scopes: str) -> str:
        """Return a new token of *owner*."""
        return self.program.accounts.create_token(str(owner.id), name="test", scopes=scopes)

    def site(self, owner: Account, *origins: str) -> Container:
        """Return a new container of *owner*."""
        return self.program.containers.create(
            owner.scope, name="site", origins=origins or (ORIGIN,)
        )

    def register(self, site: Container, number: int, **body: Any) -> Answer:
        """Register browser *number* from a page of the site."""
        return self.call(
            "POST",
            f"/v1/edge/{site.key}/subscriptions",
            {"subscription": subscription(number)} | body,
            headers={"Origin": ORIGIN},
        )


def subscription(number: int) -> dict[str, object]:
    """Return what browser *number* hands over."""
    return BROWSERS.get(number).subscription(PUSH_SERVICE)


def task(**fields: Any) -> dict[str, Any]:
    """Return the body of a plain push task."""
    return {
        "name": "Sale",
        "status": 1,
        "start_time": "immediately",
        "message": {"title": {"en": "Hello"}, "landing_url": "https://www.example.com/"},
    } | fields


@contextmanager
def serving(
    data: Path, database_url: str, *, database: Database | None = None, **settings: Any
) -> Iterator[Face]:
    """Yield the face of a program on a migrated database, until the block ends.

    Its clock stands still, so nothing is limited unless *settings* say so. database: that of the
    URL, opened in another way than usual.
    """
    unlimited = {"rate_burst": 0, "rate_steady": 0}
    program = Program(Settings(data=data, database_url=database_url, **(unlimited | settings)))
    if database is not None:
        program.database = database
    program.clock = FakeClock()  # type: ignore[assignment]  # what a service asks of a clock
    program.entropy = SeededEntropy(next(_NUMBERS))  # type: ignore[assignment]  # and of entropy
    http = HttpServer(
        program.web(),
        host="127.0.0.1",
        port=0,
        request_timeout_s=program.settings.request_timeout,
        trusted_proxies=program.settings.trusted_proxies,
    )
    with http as server:
        yield Face(program, server.port)
    program.close()


def errors(answer: Answer) -> Sequence[str]:
    """Return the fields that an answer complains of."""
    return [error["field"] for error in answer.json.get("errors", [])]
