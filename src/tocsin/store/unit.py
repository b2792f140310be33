"""The store: transactions, each with every table family in reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Connection

from tocsin.domain.group import Kind
from tocsin.store.accounts import Accounts
from tocsin.store.audience import Audience
from tocsin.store.containers import Containers
from tocsin.store.engine import Database
from tocsin.store.events import Events
from tocsin.store.executions import Executions
from tocsin.store.groups import Groups
from tocsin.store.mentions import Mentions
from tocsin.store.parcels import Parcels
from tocsin.store.requests import Requests
from tocsin.store.segments import Segments
from tocsin.store.subscribers import Subscribers
from tocsin.store.tasks import Tasks
from tocsin.store.vocabulary import Vocabulary


class Unit:
    """One transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts and their tokens."""
        return Accounts(self._connection)

    @cached_property
    def containers(self) -> Containers:
        """Containers and their VAPID pairs."""
        return Containers(self._connection)

    def groups(self, kind: Kind) -> Groups:
        """Groups of one kind."""
        return Groups(self._connection, kind)

    @cached_property
    def segments(self) -> Segments:
        """Segments."""
        return Segments(self._connection)

    @cached_property
    def mentions(self) -> Mentions:
        """What is active, by what its targeting names."""
        return Mentions(self._connection)

    @cached_property
    def subscribers(self) -> Subscribers:
        """Subscribers and their subscriptions."""
        return Subscribers(self._connection)

    @cached_property
    def audience(self) -> Audience:
        """The audience index."""
        return Audience(self._connection)

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
    def requests(self) -> Requests:
        """Idempotency keys and rate windows."""
        return Requests(self._connection)


class Store:
    """The store's one door."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def write(self) -> Iterator[Unit]:
        """Open a transaction that changes something; commit at the end, roll back on an error."""
        with self._database.write() as connection:
            yield Unit(connection)

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """Open a transaction that sees one instant of the database and changes nothing."""
        with self._database.read() as connection:
            yield Unit(connection)
