"""The composition root: settings in, a built program out. The only place that names adapters."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.routing import Route

from tocsin.domain.container import RefusedKey
from tocsin.domain.draw import Why
from tocsin.domain.errors import Unavailable
from tocsin.domain.group import Kind
from tocsin.domain.instants import hood_text
from tocsin.domain.keyring import CannotUnseal, Keyring
from tocsin.domain.rate_limit import Rates
from tocsin.exchange.hosts import ExchangeHosts
from tocsin.machine.clock import SystemClock
from tocsin.machine.entropy import SystemEntropy
from tocsin.machine.environment import environment
from tocsin.machine.geoip import BadGeoipDatabase, GeoipDatabase
from tocsin.machine.processes import Child
from tocsin.machine.secret_key import BadSecretKey, load_or_make
from tocsin.machine.spool import new_spool
from tocsin.services.accounts import AccountService
from tocsin.services.booking import BookService
from tocsin.services.commands import CommandService
from tocsin.services.container_tasks import ContainerTasks
from tocsin.services.containers import ContainerService
from tocsin.services.counting import Counting
from tocsin.services.cutting import Cutting
from tocsin.services.demand import Demand
from tocsin.services.drawing import Drawing
from tocsin.services.executions import ExecutionService
from tocsin.services.groups import GroupService
from tocsin.services.idempotency import Replays
from tocsin.services.indexing import Indexing
from tocsin.services.limits import RateLimits
from tocsin.services.people import PeopleService
from tocsin.services.planning import Planning
from tocsin.services.preview import PreviewService
from tocsin.services.recipients import RecipientService
from tocsin.services.regions import RegionService
from tocsin.services.retiming import Retiming
from tocsin.services.segments import SegmentService
from tocsin.services.sending import Sending
from tocsin.services.subscribers import SubscriberService
from tocsin.services.sweeping import Sweeping
from tocsin.services.tasks import TaskService
from tocsin.services.zones import ZoneService
from tocsin.settings import Settings
from tocsin.store import migrate
from tocsin.store.changes import Changes
from tocsin.store.clock import DatabaseClock
from tocsin.store.engine import Database
from tocsin.store.unit import Store
from tocsin.telemetry.events import Event, Telemetry
from tocsin.transport.exchange_client import ExchangeClient
from tocsin.transport.push_client import PushClient
from tocsin.web.app import Face, build
from tocsin.web.callers import Callers
from tocsin.web.edge.adex import adex
from tocsin.web.edge.events import events
from tocsin.web.edge.subscriptions import subscriptions
from tocsin.web.edge.tag import tag
from tocsin.web.hood.book import book
from tocsin.web.hood.containers import containers
from tocsin.web.hood.dictionaries import dictionaries
from tocsin.web.hood.door import Door, Operation
from tocsin.web.hood.executions import executions
from tocsin.web.hood.groups import application_groups, groups
from tocsin.web.hood.preview import preview
from tocsin.web.hood.push_tasks import push_tasks
from tocsin.web.hood.segments import segments
from tocsin.web.hood.tokens import tokens
from tocsin.web.hood.user_streams import user_streams
from tocsin.web.hood.users import users
from tocsin.web.hood.zones import zones
from tocsin.web.limits import Limits
from tocsin.webpush.endpoint import PushHosts
from tocsin.workers.bells import Bells
from tocsin.workers.crew import Crew
from tocsin.workers.desk import Desk
from tocsin.workers.listener import Listener
from tocsin.workers.sender import Sender


class NeedsUpgrade(RuntimeError):
    """The database's schema is older than this program's."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the program is: whether the database answers, and what is under way."""

    database: Database

    def check(self) -> str | None:
        """Return what is wrong, None when nothing is."""
        try:
            status = migrate.status(self.database)
        except (SQLAlchemyError, Unavailable, migrate.NewerSchema) as error:
            return f"the database cannot be used: {type(error.__cause__ or error).__name__}"
        return "the database needs tocsin db upgrade" if status.pending else None

    def live(self) -> tuple[Mapping[str, int], int]:
        """Return how many recipients of live executions have each outcome, by its name.

        Beside them, how many VAPID keys push services refuse.
        """
        with Store(self.database).read() as unit:
            counts = unit.executions.live_outcome_counts()
            refused = unit.refused_keys.count()
        return {outcome.name.lower(): count for outcome, count in counts.items()}, refused


class Program:
    """Everything that a process may need, built when first asked for."""

    def __init__(self, settings: Settings, *, config: Path | None = None) -> None:
        self.settings = settings
        self._config = config
        self.clock = SystemClock()
        self.entropy = SystemEntropy()

    @cached_property
    def telemetry(self) -> Telemetry:
        """The log lines and metrics of this process."""
        return Telemetry(log_format=self.settings.log_format, stream=sys.stderr)

    @cached_property
    def database(self) -> Database:
        """The database, opened."""
        return Database(self.settings.database)

    @cached_property
    def shared_clock(self) -> DatabaseClock:
        """The clock that workers go by, the same on all machines."""
        return DatabaseClock(self.database, self.clock)

    @cached_property
    def store(self) -> Store:
        """The store on the database."""
        return Store(self.database, cache_bytes=self.settings.audience_cache << 20)

    @cached_property
    def keyring(self) -> Keyring:
        """The keys that grow out of the secret key. Raises BadSecretKey."""
        return Keyring(
            load_or_make(
                self.settings.secret_key_path,
                may_make=self.settings.secret_key_file is None,
                fresh=self.entropy.token_bytes(32),
            )
        )

    @cached_property
    def push_hosts(self) -> PushHosts:
        """The push services that pushes may go to."""
        return PushHosts(self.settings.push_hosts)

    @cached_property
    def geoip(self) -> GeoipDatabase | None:
        """What knows where addresses are, None when none is set. Raises BadGeoipDatabase."""
        path = self.settings.geoip_database
        if path is None:
            return None
        return GeoipDatabase(
            path,
            clock=self.clock,
            on_refusal=lambda reason: self.telemetry.emit(Event.GEOIP_REFUSED, reason=reason),
        )

    @cached_property
    def accounts(self) -> AccountService:
        """Accounts and tokens."""
        return AccountService(self.store, clock=self.clock, entropy=self.entropy)

    @cached_property
    def containers(self) -> ContainerService:
        """Containers."""
        return ContainerService(
            self.store, clock=self.clock, entropy=self.entropy, keyring=self.keyring
        )

    @cached_property
    def zones(self) -> ZoneService:
        """Demand sources."""
        return ZoneService(self.store, entropy=self.entropy, keyring=self.keyring)

    @cached_property
    def drawing(self) -> Drawing:
        """Draws."""
        return Drawing(self.store, self.keyring)

    @cached_property
    def exchange(self) -> ExchangeClient:
        """What asks demand sources."""
        hosts = ExchangeHosts(self.settings.exchange_hosts)
        return ExchangeClient(hosts, ca_file=self.settings.ca_file)

    @cached_property
    def subscribers(self) -> SubscriberService:
        """Subscribers."""
        return SubscriberService(
            self.store,
            clock=self.clock,
            entropy=self.entropy,
            keyring=self.keyring,
            push_hosts=self.push_hosts,
        )

    @cached_property
    def people(self) -> PeopleService:
        """Subscribers, as their account deals with them."""
        return PeopleService(self.store)

    def schema(self) -> migrate.SchemaStatus:
        """Return how far the database's schema is. Raises NewerSchema."""
        return migrate.status(self.database)

    def upgrade(self) -> migrate.SchemaStatus:
        """Bring the database to this program's schema; return where it stood before."""
        return migrate.upgrade(self.database)

    def prepare(self) -> None:
        """Make ready to serve: secret key and GeoIP database are there, the schema is ours.

        An embedded or an empty database is upgraded; a shared one with data in it only by
        its operator, for other processes may still run on the old schema. Raises BadSecretKey,
        BadGeoipDatabase, NewerSchema, NeedsUpgrade; and CannotUnseal where the secret key is not
        that of the database, for what is sealed under two keys no process can open.
        """
        self.keyring  # noqa: B018 - made, or refused, before anything is touched
        self.geoip  # noqa: B018 - likewise
        status = self.schema()
        if status.pending and status.current is not None and not self.database.is_sqlite:
            raise NeedsUpgrade("the database is of an older Tocsin: run tocsin db upgrade")
        if status.pending:
            self.upgrade()
        self.check_keys()

    def close(self) -> None:
        """Close what is open."""
        if "exchange" in self.__dict__:
            self.exchange.close()
        if "database" in self.__dict__:
            self.database.close()

    def crew(self) -> Crew:
        """Return the worker processes of one server: a planner and the senders."""
        where = {"TOCSIN_DATA": str(self.settings.data)}
        if self._config is not None:
            where["TOCSIN_CONFIG"] = str(self._config)
        inherited = dict(environment()) | where
        return Crew(
            ["planner", *["sender"] * self.settings.senders],
            start=lambda role: Child(["worker", "--role", role, "--leash"], environment=inherited),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def indexing(self) -> Indexing:
        """The audience index."""
        return Indexing(self.store)

    def examine(self) -> Iterator[tuple[str, str | None]]:
        """Yield what was checked, and what is wrong with it (None: nothing)."""
        yield "the database answers and has this program's schema", Health(self.database).check()
        yield "every VAPID key opens with the secret key", self._unsealable()
        yield "every header of a zone opens with it too", self._zone_complaint()
        with self.store.read() as unit:
            parcels = unit.parcels.disagreeing()
            parked = unit.parcels.parked()
            refused = unit.refused_keys.all()
        yield (
            "every parcel's counts are those of its outcome bytes",
            f"not so: parcels {parcels[:10]}" if parcels else None,
        )
        yield (
            "no parcel is set aside for felling its senders",
            f"not so: parcels {parked[:10]}; when the cause is found, resume their task"
            if parked
            else None,
        )
        yield "no push service refuses the VAPID key of a container", _refusals_told(refused)
        yield (
            "the audience index says what the subscribers' rows say",
            None if self.indexing.is_true() else "not so: run tocsin doctor --rebuild-audience",
        )

        if self.settings.geoip_database is not None:
            yield "the GeoIP database can be used", self._geoip_complaint()

    def check_keys(self) -> None:
        """Raise CannotUnseal or BadSecretKey when the secret key is not that of the database."""
        with self.store.read() as unit:
            keys = unit.containers.all_vapid_keys()
        for key in keys:
            self.keyring.unseal(key.sealed_private, place=f"vapid/{key.container_id}")

    def _unsealable(self) -> str | None:
        try:
            self.check_keys()
        except (BadSecretKey, CannotUnseal) as error:
            return str(error)
        return None

    def _zone_complaint(self) -> str | None:
        try:
            return self.zones.complaint()
        except BadSecretKey as error:
            return str(error)

    def _geoip_complaint(self) -> str | None:
        try:
            self.geoip  # noqa: B018 - opened, or refused
        except BadGeoipDatabase as error:
            return str(error)
        return None

    def _door(self) -> Door:
        """Return what every call of the Hood API passes."""
        rates = Rates(burst=self.settings.rate_burst, steady=self.settings.rate_steady)
        return Door(
            callers=Callers(self.accounts, clock=self.clock),
            limits=Limits(RateLimits(self.store, clock=self.clock), rates=rates),
            replays=Replays(self.store),
            clock=self.clock,
        )

    def web(self) -> Starlette:
        """Return the HTTP face."""
        operations = (
            *push_tasks(TaskService(self.store), CommandService(self.store)),
            preview(PreviewService(self.store)),
            *executions(ExecutionService(self.store), RecipientService(self.store)),
            *self.resources(),
            *tokens(self.accounts),
        )
        routes = (
            self._draws(),
            events(Counting(self.store), token_key=self.keyring.message_token, clock=self.clock),
            *subscriptions(self.subscribers, self.containers, self.geoip),
            *tag(self.containers, public_url=self.settings.public_url),
        )
        return build(
            Face(
                door=self._door(),
                operations=operations,
                routes=routes,
                health=Health(self.database),
                telemetry=self.telemetry,
                clock=self.clock,
                new_trace_id=self.entropy.uuid,
            )
        )

    def _draws(self) -> Route:
        """Return the route of draws; a process asks no more at once than its demand lets it."""

        def on_rest(zone_id: int, why: Why) -> None:
            self.telemetry.emit(Event.ZONE_RESTING, zone=zone_id, reason=why.value)

        demand = Demand(self.exchange, clock=self.clock, new_id=self.entropy.uuid, on_rest=on_rest)
        return adex(self.drawing, demand, token_key=self.keyring.message_token, clock=self.clock)

    def resources(self) -> Iterator[Operation]:
        """Yield the calls of what push tasks name."""
        yield from containers(self.containers, ContainerTasks(self.store))
        yield from groups(GroupService(self.store, Kind.CONTAINERS))
        yield from application_groups(GroupService(self.store, Kind.HOSTS))
        yield from segments(SegmentService(self.store))
        yield from zones(self.zones)
        yield from book(BookService(self.store))
        yield from user_streams(self.subscribers, self.containers, new_spool)
        yield from users(self.people)
        yield from dictionaries(RegionService(self.store))

    @cached_property
    def bells(self) -> Bells:
        """The bells of this process's loops."""
        return Bells()

    def listener(self, ring: Callable[[Collection[str]], object]) -> Listener:
        """Return what calls *ring* with the news of every change in the database."""
        return Listener(
            Changes(self.database, clock=self.clock),
            ring,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def desk(self) -> Desk:
        """Return the planner role's loops."""
        return Desk(
            planning=Planning(self.store),
            cutting=Cutting(self.store),
            indexing=self.indexing,
            counting=Counting(self.store),
            drawing=self.drawing,
            sweeping=Sweeping(self.store),
            retiming=Retiming(self.store),
            replays=Replays(self.store),
            bells=self.bells,
            clock=self.shared_clock,
            telemetry=self.telemetry,
        )

    def sender(self) -> Sender:
        """Return a sender with connections of its own."""
        return Sender(
            Sending(self.store),
            PushClient(self.push_hosts, ca_file=self.settings.ca_file),
            hosts=self.push_hosts,
            keyring=self.keyring,
            bells=self.bells,
            clock=self.shared_clock,
            entropy=self.entropy,
            telemetry=self.telemetry,
            subject=self.settings.vapid_subject,
        )


def _refusals_told(refused: Sequence[RefusedKey]) -> str | None:
    """Return where containers are paused, why, and what to do; None when none is."""
    if not refused:
        return None
    told = [
        f"container {one.container_id} is paused at {one.origin}, which answers {one.status}, "
        f"since {hood_text(one.since_ms)} GMT"
        for one in refused[:10]
    ]
    return (
        "not so: " + "; ".join(told) + ". Its recipients wait. When the cause is found, run "
        f"tocsin container resume {refused[0].container_id}"
    )
