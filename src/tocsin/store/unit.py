"""The store: transactions, each with every table family in reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Final

from sqlalchemy import Connection

from tocsin.audience.bitmaps import DamagedIndex
from tocsin.domain.errors import Unavailable
from tocsin.domain.group import Kind
from tocsin.store.accounts import Accounts
from tocsin.store.audience import Audience
from tocsin.store.book import Book
from tocsin.store.containers import Containers
from tocsin.store.decoded import DecodedShards
from tocsin.store.draws import Draws
from tocsin.store.engine import Database
from tocsin.store.events import Events
from tocsin.store.executions import Executions
from tocsin.store.groups import Groups
from tocsin.store.mentions import Mentions
from tocsin.store.parcels import Parcels
from tocsin.store.refused_keys import RefusedKeys
from tocsin.store.requests import Requests
from tocsin.store.segments import Segments
from tocsin.store.subscribers import Subscribers
from tocsin.store.tasks import Tasks
from tocsin.store.vocabulary import Vocabulary
from tocsin.store.zones import Zones

CACHE_BYTES: Final = 1 << 30

MENDED_SOON: Final = (
    "a part of the audience index is damaged or missing and is being made anew from the "
    "subscribers: try again in a moment"
)


class Unit:
    """One transaction."""

    def __init__(self, connection: Connection, decoded: DecodedShards | None = None) -> None:
        self._connection = connection
        self._decoded = decoded

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts and their tokens."""
        return Accounts(self._connection)

    @cached_property
    def containers(self) -> Containers:
        """Containers and their VAPID pairs."""
        return Containers(self._connection)

    @cached_property
    def refused_keys(self) -> RefusedKeys:
        """VAPID pairs that push services refuse."""
        return RefusedKeys(self._connection)

    def groups(self, kind: Kind) -> Groups:
        """Groups of one kind."""
        return Groups(self._connection, kind)

    @cached_property
    def segments(self) -> Segments:
        """Segments."""
        return Segments(self._connection)

    @cached_property
    def zones(self) -> Zones:
        """Demand sources."""
        return Zones(self._connection)

    @cached_property
    def mentions(self) -> Mentions:
        """What is active, by what it names."""
        return Mentions(self._connection)

    @cached_property
    def subscribers(self) -> Subscribers:
        """Subscribers and their subscriptions."""
        return Subscribers(self._connection)

    @cached_property
    def audience(self) -> Audience:
        """The audience index."""
        return Audience(self._connection, self._decoded)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What the items of a targeting name."""
        return Vocabulary(self._connection)

    @cached_property
    def tasks(self) -> Tasks:
        """Push tasks."""
        return Tasks(self._connection)

    @cached_property
    def executions(self) -> Executions:
        """Executions of tasks."""
        return Executions(self._connection)

    @cached_property
    def parcels(self) -> Parcels:
        """Parcels of executions."""
        return Parcels(self._connection)

    @cached_property
    def events(self) -> Events:
        """Reports of browsers."""
        return Events(self._connection)

    @cached_property
    def draws(self) -> Draws:
        """Draws and their ads."""
        return Draws(self._connection)

    @cached_property
    def book(self) -> Book:
        """What draws came to, in sums."""
        return Book(self._connection)

    @cached_property
    def requests(self) -> Requests:
        """Idempotency keys and rate windows."""
        return Requests(self._connection)


class Store:
    """The store's one door."""

    def __init__(self, database: Database, *, cache_bytes: int = CACHE_BYTES) -> None:
        """cache_bytes: how much of the audience index the process keeps decoded, at most."""
        self._database = database
        self._decoded = DecodedShards(cache_bytes)

    @contextmanager
    def write(self) -> Iterator[Unit]:
        """Open a transaction that changes something; commit at the end, roll back on an error."""
        with self._damage_noted(), self._database.write() as connection:
            yield Unit(connection)

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """Open a transaction that sees one instant of the database and changes nothing."""
        with self._damage_noted(), self._database.read() as connection:
            yield Unit(connection, self._decoded)

    @contextmanager
    def _damage_noted(self) -> Iterator[None]:
        """Mark a shard of the audience index that a transaction found damaged, after its end.

        Raises Unavailable then: until the indexer has made it anew nobody gets an answer from it.
        """
        try:
            yield
        except DamagedIndex as damage:
            if not damage.is_known:
                with self._database.write() as connection:
                    Audience(connection).condemn(damage.root_id, damage.shard)
            raise Unavailable(MENDED_SOON, retry_after_s=10) from damage
