"""A server without its loops: the services on one database, and short words for what tests do."""

import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pyroaring import BitMap
from sqlalchemy import Row, Table, select

from doubles import FakeClock, SeededEntropy
from tocsin.domain.account import Account, Scope
from tocsin.domain.container import Container
from tocsin.domain.enrolment import Enrolment
from tocsin.domain.errors import Fault, Invalid, TocsinError
from tocsin.domain.execution import Execution
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.keyring import Keyring
from tocsin.domain.message import Message
from tocsin.domain.push_task import Draft, Status
from tocsin.domain.registration import Registration
from tocsin.domain.schedule import IMMEDIATELY, Schedule, Start
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import Targeting, read_targeting
from tocsin.services.accounts import AccountService
from tocsin.services.commands import CommandService
from tocsin.services.containers import ContainerService
from tocsin.services.counting import Counting
from tocsin.services.cutting import Cutting, Piece
from tocsin.services.executions import Counted, ExecutionService
from tocsin.services.indexing import Indexing
from tocsin.services.people import PeopleService
from tocsin.services.planning import Planning
from tocsin.services.preview import PreviewService
from tocsin.services.reaching import Reach, reach
from tocsin.services.recipients import RecipientService
from tocsin.services.sending import Sending
from tocsin.services.subscribers import Enrolled, SubscriberService
from tocsin.services.sweeping import Sweeping
from tocsin.services.tasks import Creation, TaskService
from tocsin.store.engine import Database
from tocsin.store.tables import audience_change, execution, parcel
from tocsin.store.unit import Store, Unit
from tocsin.webpush.endpoint import PushHosts

T = TypeVar("T")

# Any point on P-256 will do: nothing here is encrypted.
P256DH: Final = urlsafe_b64decode(
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4="
)
MESSAGE: Final = Message(
    title={"en": "Hello"}, body={}, image={}, landing_url="https://www.example.com/"
)


class World:
    """Services on a migrated database, under a clock that only the test moves."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.store = Store(self.database)
        self.clock = FakeClock()
        self.entropy = SeededEntropy()
        self.keyring = Keyring(bytes(32))
        machine: Any = {"clock": self.clock, "entropy": self.entropy}
        self.accounts = AccountService(self.store, **machine)
        self.containers = ContainerService(self.store, keyring=self.keyring, **machine)
        self.subscribers = SubscriberService(
            self.store, keyring=self.keyring, push_hosts=PushHosts(), **machine
        )
        self.people = PeopleService(self.store)
        self.tasks = TaskService(self.store)
        self.commands = CommandService(self.store)
        self.executions = ExecutionService(self.store)
        self.previews = PreviewService(self.store)
        self.recipient_service = RecipientService(self.store)
        self.planning = Planning(self.store)
        self.cutting = Cutting(self.store)
        self.sending = Sending(self.store)
        self.sweeping = Sweeping(self.store)
        self.counting = Counting(self.store)
        self.indexing = Indexing(self.store)
        self._made = 0

    def account(self, parent: Account | None = None) -> Account:
        """Return a new account with a name of its own."""
        self._made += 1
        above = None if parent is None else str(parent.id)
        return self.accounts.create(f"account {self._made}", parent=above)

    def container(self, owner: Account, *origins: str) -> Container:
        """Return a new container of *owner*."""
        wanted = origins or ("https://www.example.com",)
        return self.containers.create(owner.scope, name="site", origins=wanted)

    def register(self, *group: Enrolment) -> list[Enrolled]:
        """Take one group of registrations, all of them good."""
        results = self.subscribers.register(group)
        bad = [result for result in results if isinstance(result, TocsinError)]
        assert not bad
        return [result for result in results if isinstance(result, Enrolled)]

    def join(self, site: Container, number: int, **given: Any) -> Enrolled:
        """Register browser *number* with attributes."""
        return self.register(enrolment(site, number, **given))[0]

    def subscriber(self, enrolled: Enrolled, site: Container) -> Subscriber:
        """Return the stored row of somebody who registered."""
        with self.store.read() as unit:
            found = unit.subscribers.by_id(site.id, enrolled.id)
        assert found is not None
        return found

    def take(self, owner: Account, order: Draft, *, claim: Claim | None = None) -> Receipt:
        """Return the receipt of a new push task. Raises what its order is refused with."""
        creation = Creation(owner.scope, order, self.clock.now_ms(), claim)
        (result,) = self.tasks.create([creation])
        if isinstance(result, TocsinError):
            raise result
        return result

    def create(self, owner: Account, order: Draft) -> int:
        """Return the id of a new push task. Raises what its order is refused with."""
        return int(self.take(owner, order).result)

    def order(
        self, owner: Account, targeting: Mapping[str, Any] | None = None, **ordered: Any
    ) -> int:
        """Return the id of a new push task. ordered: as for draft."""
        return self.create(owner, draft(targeting, **ordered))

    def count(self, scope: Scope, targeting: Targeting, *, now_ms: int | None = None) -> Reach:
        """Return whom a targeting means, counted. now_ms: the clock's unless told."""
        with self.store.read() as unit:
            at_ms = self.clock.now_ms() if now_ms is None else now_ms
            return reach(unit, scope, targeting, now_ms=at_ms)

    def plan(self) -> None:
        """Plan whatever is due."""
        while self.planning.plan(now_ms=self.clock.now_ms()):
            pass

    def execute(
        self, owner: Account, targeting: Mapping[str, Any] | None = None, **ordered: Any
    ) -> Execution:
        """Return the execution, not cut yet, of a new task that is due now."""
        task_id = self.order(owner, targeting, **ordered)
        self.plan()
        return self.history(owner, task_id)[-1].execution

    def history(self, owner: Account, task_id: int) -> list[Counted]:
        """Return the executions of a task, the oldest first."""
        total, found = self.executions.list(owner.scope, task_id, offset=0, limit=500)
        assert total == len(found)
        return list(found)[::-1]

    def cut_all(self) -> list[Piece]:
        """Cut whatever is to be cut; return the pieces."""
        pieces = []
        while some := self.cutting.cut(now_ms=self.clock.now_ms()):
            pieces += some
        return pieces

    def cut_one(self) -> Piece | None:
        """Cut one shard of the oldest execution; return the piece."""
        return next(iter(self.cutting.cut(now_ms=self.clock.now_ms(), at_once=1)), None)

    def reach(self, owner: Account, targeting: Mapping[str, Any] | None = None) -> set[int]:
        """Return the ids of those whom a new task of *owner* goes to."""
        found = self.execute(owner, targeting)
        self.cut_all()
        return self.recipients(found)

    def recipients(self, of: Execution) -> set[int]:
        """Return the ids of those who are in a parcel of an execution; nobody is in two."""
        ordinals: list[int] = []
        for row in self.rows(parcel, parcel.c.execution_id == of.id):
            ordinals += BitMap.deserialize(row.recipients)
        assert len(set(ordinals)) == len(ordinals)
        with self.store.read() as unit:
            return {one.id for one in unit.subscribers.by_ordinal(of.root_id, ordinals).values()}

    def state(self, of: Execution) -> str:
        """Return where an execution stands."""
        found: str = self.rows(execution, execution.c.id == of.id)[0].state
        return found

    def rows(self, table: Table, *conditions: Any) -> Sequence[Row[Any]]:
        """Return rows of a table as they are."""
        with self.database.read() as connection:
            return connection.execute(select(table).where(*conditions)).all()

    def set_next_ordinal(self, owner: Account, ordinal: int) -> None:
        """Let the next subscriber of a tenant have this ordinal: shards begin at 2^20 each."""
        with self.store.write() as unit:
            first = unit.accounts.next_ordinal(owner.root_id)
            unit.accounts.take_ordinals(owner.root_id, ordinal - first)

    def changed(self) -> list[int]:
        """Return who was changed and is not folded, by ordinal, as often as it was noted."""
        return [
            ordinal
            for row in self.rows(audience_change)
            for ordinal in BitMap.deserialize(row.ordinals)
        ]

    def close(self) -> None:
        """Close the database."""
        self.database.close()


@dataclass(frozen=True)
class Edit:
    """What an edit makes of a task, when nothing is wrong with it by itself."""

    draft: Draft

    def accepted(self, more: Sequence[Fault] = ()) -> Draft:
        if more:
            raise Invalid(tuple(more))
        return self.draft


def draft(
    targeting: Mapping[str, Any] | None = None,
    *,
    name: str = "task",
    status: Status = Status.ACTIVE,
    start: Start = IMMEDIATELY,
    ttl_s: int = 3600,
    total_user: int | None = None,
    **schedule: Any,
) -> Draft:
    """Return an order for a plain message. schedule: what of its schedule is not usual."""
    read, faults = read_targeting(targeting)
    assert not faults
    return Draft(
        name=name,
        message=MESSAGE,
        targeting=read,
        status=status,
        schedule=Schedule(start=start, **schedule),
        ttl_s=ttl_s,
        total_user=total_user,
    )


def enrolment(
    site: Container,
    number: int,
    *,
    endpoint: str | None = None,
    previous: int | None = None,
    auth: bytes | None = None,
    active: bool = True,
    derived: Mapping[str, Any] | None = None,
    imported: bool = False,
    **given: Any,
) -> Enrolment:
    """Return the registration of browser *number*; given: attributes that its body names."""
    return Enrolment(
        site,
        Registration(
            endpoint=endpoint or endpoint_of(number),
            p256dh=P256DH,
            auth=auth or number.to_bytes(16, "big"),
            given=given,
            previous_endpoint=None if previous is None else endpoint_of(previous),
            active=active,
        ),
        derived or {},
        imported=imported,
    )


def endpoint_of(number: int) -> str:
    """Return the address at which browser *number* is reached."""
    return f"https://fcm.googleapis.com/fcm/send/{number}"


def in_threads(*works: Callable[[], T]) -> list[T]:
    """Return what each of *works* returns; they start at the same instant."""
    barrier = threading.Barrier(len(works), timeout=30)

    def start(work: Callable[[], T]) -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))


class KilledError(Exception):
    """Stands for a kill: the transaction that it hits is never committed."""


@dataclass
class DyingStore:
    """A store whose process dies in the last moment before some of its commits.

    dies_at: numbers of write transactions, from 1.
    """

    store: Store
    dies_at: Iterable[int]
    turn: int = field(default=0, init=False)

    @contextmanager
    def write(self) -> Iterator[Unit]:
        with self.store.write() as unit:
            yield unit
            self.turn += 1
            if self.turn in self.dies_at:
                raise KilledError

    @contextmanager
    def read(self) -> Iterator[Unit]:
        with self.store.read() as unit:
            yield unit
