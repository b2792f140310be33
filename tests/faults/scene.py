"""A send that something befalls: real senders, real push services, and a desk that the test tends.

Planning, cutting, sweeping and closing are done at each look, in the test's own process: what is to
be seen is what becomes of the senders.
"""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from io import StringIO
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from time import time_ns
from typing import Any, Final

from sqlalchemy import func, select, update

from programs import ADDRESS, Programs
from programs import Program as Process
from rig import assert_adds_up, until
from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.errors import TocsinError, Unavailable
from tocsin.domain.message import Message as Shown
from tocsin.domain.push_task import Draft, Status
from tocsin.domain.schedule import IMMEDIATELY, Schedule
from tocsin.domain.targeting import read_targeting
from tocsin.services.counting import Counting
from tocsin.services.cutting import Cutting
from tocsin.services.executions import Counted, ExecutionService
from tocsin.services.planning import Planning
from tocsin.services.sweeping import Sweeping
from tocsin.services.tasks import Creation, TaskService
from tocsin.settings import Settings
from tocsin.simulators.virtual_subscribers import write_import_file
from tocsin.store.engine import Database
from tocsin.store.migrate import upgrade
from tocsin.store.tables import parcel
from tocsin.web.imports import import_lines
from tocsin.wiring import Program
from tocsin.workers.gates import WIDEST_WINDOW
from tocsin.workers.sender import RECORD_EVERY

PEOPLE: Final = 1_200  # two parcels
WITHIN_S: Final = 90

MOST_REPEATED: Final = RECORD_EVERY + 2 * WIDEST_WINDOW
"""What one sender may lose: known but not recorded, answered in one turn, and on the wire."""

LANDING_URL: Final = "https://www.example.com/"

TASK: Final = {
    "name": "Ordered meanwhile",
    "message": {"title": {"en": "Hello"}, "landing_url": LANDING_URL},
}


@dataclass
class PushService:
    """A push service simulator, and what may be asked of it."""

    process: Process
    trusted: ssl.SSLContext | None = None

    @property
    def origin(self) -> str:
        return self.process.address

    def trust_blindly(self) -> None:
        """Ask it whatever its certificate is like."""
        self.trusted = ssl.create_default_context()
        self.trusted.check_hostname = False
        self.trusted.verify_mode = ssl.CERT_NONE

    def behave(self, *rules: dict[str, Any]) -> None:
        """Let it misbehave by *rules* from now on."""
        self._ask("/behaviour", json.dumps(rules).encode())

    def report(self) -> dict[str, Any]:
        """Return the totals."""
        found: dict[str, Any] = json.loads(self._ask("/report"))
        return found

    def lines(self, what: str) -> dict[int, dict[str, Any]]:
        """Return `subscribers` or `attempts`, by the subscriber's number."""
        lines = map(json.loads, self._ask(f"/report/{what}").splitlines())
        return {line["n"]: line for line in lines}

    def arrivals(self) -> list[int]:
        """Return when messages were taken, in milliseconds of the clock."""
        lines = self.lines("subscribers").values()
        return [at_ms for line in lines for at_ms in line["arrival_ms"]]

    @property
    def received(self) -> int:
        """How many messages were taken."""
        return int(self.report()["received"])

    def forget(self) -> None:
        """Begin a new ledger."""
        self._ask("/reset", b"")

    def await_received(self, count: int) -> None:
        until(lambda: self.received >= count or None, within=WITHIN_S)

    def _ask(self, path: str, body: bytes | None = None) -> str:
        with urllib.request.urlopen(self.origin + path, body, context=self.trusted) as answer:
            return str(answer.read().decode())


@dataclass(frozen=True)
class Web:
    """A web process, and what may be asked of it."""

    process: Process
    token: str

    def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, Message, Any]:
        """Return status, headers and the JSON body of the answer to a call of the API."""
        request = urllib.request.Request(
            self.process.address + path,
            None if body is None else json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.headers, json.loads(refusal.read() or b"null")

    def assert_refused(self) -> None:
        """See that calls are answered 503 while the database is not to be had."""
        for method, path, body in (
            ("POST", "/v1/hood/push-tasks", TASK),
            ("GET", "/v1/hood/push-tasks", None),
        ):
            status, headers, problem = self.ask(method, path, body)
            assert status == 503, problem
            assert int(headers["Retry-After"]) > 0
        assert self.ask("GET", "/readyz")[0] == 503
        assert self.ask("GET", "/healthz")[0] == 200


@dataclass
class Scene:
    """A database with an account, a container and subscribers; whoever works at it is started.

    url: how the programs under test reach the database; the test itself may have another way.
    """

    programs: Programs
    directory: Path
    url: str
    program: Program
    owner: Account
    site: Container
    push_hosts: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def opened(cls, programs: Programs, url: str, directory: Path) -> Iterator["Scene"]:
        """Yield one without subscribers, on a database that may be empty."""
        with closing(Database(url)) as database:
            upgrade(database)
        with closing(Program(Settings(data=directory, database_url=url))) as program:
            owner = program.accounts.create("main")
            site = program.containers.create(owner.scope, name="shop", origins=[LANDING_URL[:-1]])
            yield cls(programs, directory, url, program, owner, site)

    # -- programs

    @property
    def environment(self) -> dict[str, str]:
        """The settings of every program that is started."""
        return {
            "TOCSIN_DATABASE_URL": self.url,
            "TOCSIN_PUSH_HOSTS": ",".join(self.push_hosts),
            "TOCSIN_RATE_BURST": "0",  # the tests look often
            "TOCSIN_RATE_STEADY": "0",
            **self.settings,
        }

    def start(self, *arguments: str, ready: str, **env: str) -> Process:
        """Start `tocsin ARGUMENTS` on the database."""
        return self.programs.start(
            *arguments,
            data=self.directory,
            env=self.environment | env,
            ready=ready,
            within=60,
        )

    def start_sender(self, **env: str) -> Process:
        return self.start("worker", "--role", "sender", ready="started.*role=sender", **env)

    def start_web(self) -> "Web":
        """Start a web process; the API may be called from now on."""
        process = self.start("serve", "--role", "web", "--port", "0", ready=ADDRESS)
        return Web(process, self.program.accounts.create_token("main", name="test"))

    def start_push_service(self, *arguments: str, port: str = "0") -> PushService:
        """Start one at which pushes may arrive from now on; the last arguments win."""
        where = ("--host", "127.0.0.1", "--port", port)
        process = self.programs.start("simulate", "push-service", *where, *arguments)
        self.push_hosts.append(process.address.partition("://")[2])
        return PushService(process)

    def subscribe(self, origin: str, count: int = PEOPLE, *, first: int = 0) -> None:
        """Let virtual subscribers *first* and after be at the push service of an origin."""
        file = StringIO()
        write_import_file(
            file,
            count=count,
            first=first,
            container=self.site.key,
            base_url=origin,
            seed="tocsin",
        )
        settings = Settings(
            data=self.directory,
            database_url=self.program.settings.database_url,
            push_hosts=tuple(self.push_hosts),
        )
        with closing(Program(settings)) as program:
            results = import_lines(
                (line.encode() for line in file.getvalue().splitlines()),
                self.owner.scope,
                subscribers=program.subscribers,
                containers=program.containers,
            )
            assert {result["status"] for result in results} == {"created"}

    # -- the desk

    def order(self, *, ttl_s: int = 3600, **schedule: Any) -> int:
        """Return the id of a new push task, due now and cut. schedule: what of it is not usual."""
        targeting, faults = read_targeting(None)
        assert not faults
        draft = Draft(
            name="Befallen",
            message=Shown(title={"en": "Hello"}, body={}, image={}, landing_url=LANDING_URL),
            targeting=targeting,
            status=Status.ACTIVE,
            schedule=Schedule(start=IMMEDIATELY, **schedule),
            ttl_s=ttl_s,
            total_user=None,
        )
        creation = Creation(self.owner.scope, draft, now_ms(), None)
        (receipt,) = TaskService(self.program.store).create([creation])
        assert not isinstance(receipt, TocsinError)
        self.tend()
        return int(receipt.result)

    def tend(self) -> None:
        """Do what the desk has to do now."""
        store = self.program.store
        Planning(store).plan(now_ms=now_ms())
        Cutting(store).cut(now_ms=now_ms())
        Sweeping(store).sweep(now_ms=now_ms())
        Counting(store).close(now_ms=now_ms())

    def executions(self, task_id: int) -> list[Counted]:
        """Return the executions of a task, the oldest first; the numbers of each add up."""
        service = ExecutionService(self.program.store)
        _, found = service.list(self.owner.scope, task_id, offset=0, limit=100)
        for one in found:
            assert_adds_up(dict(one.counters))
        return list(found)[::-1]

    def until_over(self, task_id: int, *, within: float = WITHIN_S) -> dict[str, int]:
        """Return the counters of the task's newest execution once it is over, for everybody."""

        def look() -> dict[str, int] | None:
            self.tend()
            newest = self.executions(task_id)[-1]
            is_over = newest.execution.state.value in {"done", "cancelled"}
            return dict(newest.counters) if is_over and not newest.counters["pending"] else None

        counters: dict[str, int] = until(look, within=within)
        with self.program.store.read() as unit:
            assert unit.parcels.disagreeing() == []
        return counters

    # -- leases

    def leased(self) -> int:
        """Return how many parcels a sender holds, or held when it ended."""
        with self.program.database.read() as connection:
            return connection.scalar(select(func.count(parcel.c.lease_ms))) or 0

    def ledger(self) -> list[Any]:
        """Return what the database says became of everybody, byte by byte."""
        columns = (parcel.c.id, parcel.c.fence, parcel.c.outcomes, parcel.c.attempts)
        with self.program.database.read() as connection:
            return list(connection.execute(select(*columns).order_by(parcel.c.id)))

    def end_leases(self) -> None:
        """Let the time of every lease be over: as good as ten seconds of waiting."""
        ended = {"lease_ms": now_ms(), "due_ms": now_ms()}
        with self.program.database.write() as connection:
            connection.execute(update(parcel).where(parcel.c.lease_ms.is_not(None)).values(**ended))

    def freeze(self, sender: Process) -> None:
        """Stop a sender with SIGSTOP, at a moment at which it locks nothing."""
        with closing(Database(self.program.settings.database_url, sqlite_wait_s=0)) as other:

            def stopped() -> bool | None:
                sender.interrupt_leader(SIGSTOP)
                until(lambda: is_stopped(sender) or None, within=10)
                try:
                    with other.write() as connection:
                        rows = connection.execute(select(parcel.c.id).with_for_update(nowait=True))
                        assert rows.all()
                except Unavailable:
                    sender.interrupt_leader(SIGCONT)
                    return None
                return True

            until(stopped, within=30)


def is_stopped(process: Process) -> bool:
    """Return whether every thread of a process's leader stands still."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)


def assert_everybody(
    push_service: PushService,
    *,
    people: Collection[int] = range(PEOPLE),
    repeated: int = 0,
    topics: int = 1,
) -> None:
    """See that everybody there got every message, hardly anybody one twice, each under one Topic.

    repeated: how many may be so at most. topics: how many messages there were.
    """
    got = push_service.lines("subscribers")
    assert got.keys() == set(people), "somebody was missed"
    assert {len(set(line["topics"])) for line in got.values()} == {topics}
    all_topics = {topic for line in got.values() for topic in line["topics"]}
    assert len(all_topics) == topics, "a repeat had another Topic"
    repeats = sum(line["count"] - topics for line in got.values())
    print(f"{repeats} repeats, of {repeated} at most")
    assert repeats <= repeated
    assert push_service.report()["violations"] == []


def now_ms() -> int:
    return time_ns() // 1_000_000
