"""A Tocsin under measurement: its database is kept in a directory, each process has its core.

The first core is for what is measured; what feeds it, asks beside it or serves its database has
the last.
"""
# ruff: noqa: INP001, S101, S603, TID251 - beside a script, which starts programs and reads clocks

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from population import SITES, Population, site_hosts
from query_shapes import APPLICATION_GROUPS, GROUPS, MANY, SEGMENTS, Body, Named, segment_body
from sqlalchemy import select

from postgres import kept_postgres
from programs import Program, environment
from tocsin import wiring
from tocsin.domain.account import Scope
from tocsin.domain.group import GroupDraft, Kind
from tocsin.domain.segment import SegmentDraft
from tocsin.domain.targeting import Targeting, read_targeting
from tocsin.services.groups import GroupService
from tocsin.services.segments import SegmentService
from tocsin.settings import load
from tocsin.store.tables import subscriber

Rows: TypeAlias = dict[str, dict[str, float]]
"""What a stage measured, by the names of rows and columns."""

MIB: Final = 1 << 20
CORES: Final = sorted(os.sched_getaffinity(0))
MEASURED, BESIDE = CORES[0], CORES[-1]
ACCOUNT: Final = "bench"
_POPULATION: Final = Path(__file__).with_name("population.py")
_IDS_AT_ONCE: Final = 500


class FailedError(Exception):
    """A measurement came to nothing; says why."""


@dataclass
class Kept:
    """What is known of a database besides itself: bench.json in its directory.

    active: how many can be reached. changed: whether people were changed since they came in.
    revision: of the last updates.
    """

    database: str
    subscribers: int
    seed: int
    until: str
    root_id: int
    accounts: list[str]
    containers: list[str]
    groups: dict[str, str]
    application_groups: dict[str, str]
    segments: dict[str, str] = field(default_factory=dict)
    active: int = 0
    changed: bool = False
    revision: int = 0


@dataclass(frozen=True)
class Imported:
    """What an import came to. seconds: from its start to its end; cpu_s: of its process."""

    created: int
    updated: int
    refused: int
    active: int
    seconds: float
    cpu_s: float
    generator_cpu_s: float
    peak_mib: float


class Bench:
    """One database, and what the measurements do with it."""

    def __init__(
        self, options: argparse.Namespace, data: Path, url: str, server: int | None
    ) -> None:
        """server: the process id of its PostgreSQL."""
        self.options, self.data, self.url = options, data, url
        self._server = server
        self._kept: Kept | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The settings of every process of this Tocsin."""
        found = {"TOCSIN_DATA": str(self.data), "TOCSIN_DATABASE_URL": self.url}
        if self.options.cache is not None:
            found["TOCSIN_AUDIENCE_CACHE"] = str(self.options.cache)
        return found

    @property
    def kept(self) -> Kept:
        """What is known of the database. Raises FailedError before it is made."""
        if self._kept is None:
            self._kept = read_kept(self.data)
        if self._kept is None:
            raise FailedError(f"there is no audience in {self.data} yet: run make first")
        return self._kept

    def keep(self, kept: Kept) -> None:
        """Note what is known of the database from now on."""
        self._kept = kept
        text = json.dumps(asdict(kept), indent=2) + "\n"
        (self.data / "bench.json").write_text(text, encoding="utf-8")

    @property
    def scope(self) -> Scope:
        """The whole audience."""
        return Scope(self.kept.root_id, self.kept.root_id)

    @contextmanager
    def program(self) -> Iterator[wiring.Program]:
        """Yield a program of this process, with a cache of its own."""
        program = wiring.Program(load(self.environment))
        try:
            yield program
        finally:
            program.close()

    def named(self, program: wiring.Program) -> Named:
        """Return what targetings name."""
        kept = self.kept
        whole = range(kept.subscribers)
        # Somewhat more than MANY, for not everybody is active or has a remote_user_id; of a small
        # audience never all.
        ids = self.ids(program, whole[:: max(2, int(0.95 * len(whole) / MANY))], active=True)
        population = Population(kept.seed, kept.containers, date.fromisoformat(kept.until))
        remote = population.remote_users(whole[:: max(2, int(0.58 * len(whole) / MANY))])
        return Named(
            accounts=kept.accounts,
            containers=kept.containers,
            groups=kept.groups,
            application_groups=kept.application_groups,
            segments=kept.segments,
            users=[str(id_) for id_ in ids[:MANY]],
            remote_users=list(islice(remote, MANY)),
        )

    def ids(
        self, program: wiring.Program, numbers: Sequence[int], *, active: bool = False
    ) -> list[int]:
        """Return the ids of subscribers by their numbers; active: of those alone who are.

        They came in by their numbers, so these are their ordinals.
        """
        found: list[int] = []
        query = select(subscriber.c.id).where(subscriber.c.root_id == self.kept.root_id)
        if active:
            query = query.where(subscriber.c.active)
        with program.database.read() as connection:
            for at in range(0, len(numbers), _IDS_AT_ONCE):
                some = list(numbers[at : at + _IDS_AT_ONCE])
                found += connection.scalars(query.where(subscriber.c.ordinal.in_(some)))
        return found

    def bring_in(self, kept: Kept, count: int, *, first: int = 0, step: int = 1) -> Imported:
        """Import *count* lines at the revision of *kept*, by the command, as they are made."""
        made = [sys.executable, str(_POPULATION), "--count", str(count), "--seed", str(kept.seed)]
        made += ["--first", str(first), "--step", str(step), "--revision", str(kept.revision)]
        made += ["--containers", ",".join(kept.containers), "--until", kept.until]
        taken = [sys.executable, "-m", "tocsin", "subscribers", "import", "--account", ACCOUNT]
        env, log = environment(env=self.environment), self.data / "import.log"
        began = time.perf_counter()
        with (
            log.open("w") as output,
            _child([*_on(BESIDE), *made], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source,
            _child(
                [*_on(MEASURED), *taken, "/dev/stdin"],
                env=env,
                stdin=source.stdout,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as importer,
        ):
            assert source.stdout is not None
            assert source.stderr is not None
            source.stdout.close()
            used = _ended(importer)
            seconds = time.perf_counter() - began
            told = source.stderr.read()
            used_by_source = _ended(source)
        said = log.read_text(encoding="utf-8")
        counts = _COUNTED.findall(said)
        if importer.returncode or source.returncode or not counts:
            raise FailedError(f"the import failed: {told!r} {said[-2000:]}")
        return Imported(
            *map(int, counts[-1]),
            active=json.loads(told)["active"],
            seconds=seconds,
            cpu_s=used[0],
            generator_cpu_s=used_by_source[0],
            peak_mib=used[1],
        )

    def change_some(self, count: int, *, first: int, step: int) -> Imported:
        """Import updates of *count* people."""
        kept = self.kept
        kept.revision, kept.changed = kept.revision + 1, True
        self.keep(kept)
        found = self.bring_in(kept, count, first=first, step=step)
        if found.updated != count:
            raise FailedError(f"{count} updates were expected: {found}")
        return found

    @contextmanager
    def planner(self, core: int) -> Iterator[Program]:
        """Yield a planner process, which folds, plans and cuts, on a core."""
        argv = [*_on(core), sys.executable, "-m", "tocsin", "worker", "--role", "planner"]
        env = environment(env=self.environment | {"TOCSIN_LOG_FORMAT": "json"})
        with redirect_stdout(io.StringIO()), Program(argv, env=env) as planner:
            planner.expect("started")
            yield planner
            planner.interrupt_leader(signal.SIGTERM)
            planner.wait(within=300)

    def server_cpu_s(self) -> float:
        """Return the processor seconds of the PostgreSQL server; none on SQLite."""
        if self._server is None:
            return 0.0
        children = Path(f"/proc/{self._server}/task/{self._server}/children").read_text()
        found = 0.0
        for pid in (self._server, *map(int, children.split())):
            with suppress(FileNotFoundError, ProcessLookupError):
                found += cpu_s(pid, with_children=True)
        return found


_COUNTED: Final = re.compile(r"(\d+) created, (\d+) updated, (\d+) refused")


def _on(core: int) -> list[str]:
    return ["taskset", "-c", str(core)]


@contextmanager
def _child(argv: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that does not outlive the block."""
    with subprocess.Popen(argv, **options) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


def _ended(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Wait for the end of a process; return the CPU seconds and the peak MiB that it used."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def read_kept(data: Path) -> Kept | None:
    """Return what is known of the database in a directory, None when there is none."""
    path = data / "bench.json"
    return Kept(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Bench]:
    """Yield the database of the options; a PostgreSQL server runs on the core beside."""
    data = options.data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    kept = read_kept(data)
    kind = kept.database if kept else options.database
    if options.url:
        yield Bench(options, data, options.url, None)
    elif kind == "sqlite":
        yield Bench(options, data, f"sqlite:///{data / 'tocsin.db'}", None)
    else:
        home = data / "postgres"
        home.mkdir(exist_ok=True)
        stay_on(BESIDE)
        with ExitStack() as stack:
            with redirect_stdout(io.StringIO()):  # what it printed is shown when something fails
                server = stack.enter_context(kept_postgres(home))
            url = server.url("test_1") if kept else server.new_database()
            pid = int((home / "data" / "postmaster.pid").read_text().split()[0])
            yield Bench(options, data, url, pid)
            with redirect_stdout(io.StringIO()):
                stack.close()


def furnish(program: wiring.Program, options: argparse.Namespace) -> Kept:
    """Make the accounts, and everything in them that targetings name; no people yet."""
    program.prepare()
    now_ms = program.clock.now_ms()
    root = program.accounts.create(ACCOUNT)
    owners = [root, *(program.accounts.create(f"{ACCOUNT}-{at}", parent=ACCOUNT) for at in (1, 2))]
    containers = [
        program.containers.create(
            owners[owner].scope,
            name=f"site {site + 1}",
            origins=[f"https://{host}" for host in site_hosts(site)],
        )
        for site, (owner, _) in enumerate(SITES)
    ]
    ids = [str(one.id) for one in containers]
    made: dict[Kind, dict[str, str]] = {}
    for kind, wanted in (
        (Kind.CONTAINERS, {name: [ids[at] for at in sites] for name, sites in GROUPS.items()}),
        (Kind.HOSTS, APPLICATION_GROUPS),
    ):
        service = GroupService(program.store, kind)
        drafts = {name: GroupDraft(name=name, items=tuple(items)) for name, items in wanted.items()}
        made[kind] = {
            name: service.create(root.scope, draft, now_ms=now_ms).result
            for name, draft in drafts.items()
        }
    kept = Kept(
        database=options.database,
        subscribers=options.subscribers,
        seed=options.seed,
        until=f"{datetime.now(UTC):%Y-%m-%d}",
        root_id=root.id,
        accounts=[str(one.id) for one in owners],
        containers=ids,
        groups=made[Kind.CONTAINERS],
        application_groups=made[Kind.HOSTS],
    )
    for name, body in SEGMENTS.items():
        draft = SegmentDraft(name=name, targeting=targeting_of(segment_body(body, kept.segments)))
        receipt = SegmentService(program.store).create(root.scope, draft, now_ms=now_ms)
        kept.segments[name] = receipt.result
    return kept


def targeting_of(body: Body) -> Targeting:
    """Return the targeting that a body asks for. Raises FailedError for one that cannot be read."""
    found, faults = read_targeting(body)
    if faults:
        raise FailedError(f"a targeting cannot be read: {faults[0].field} {faults[0].message}")
    return found


def fold_all(program: wiring.Program) -> tuple[int, float]:
    """Fold every change; return how many there were, and the seconds that it took."""
    began, folded = time.perf_counter(), 0
    while some := program.indexing.fold():
        folded += some
    return folded, time.perf_counter() - began


def stay_on(core: int) -> None:
    """Leave this thread, and what it starts from now on, on one core."""
    os.sched_setaffinity(0, {core})


def cpu_s(pid: int, *, with_children: bool = False) -> float:
    """Return the processor seconds of a process; with those of its children that ended."""
    line = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    fields = line.rpartition(")")[2].split()
    ticks = sum(map(int, fields[11 : 15 if with_children else 13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mib(*, peak: bool = False) -> float:
    """Return the memory that this process has now; peak: the most that it ever had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    name = "VmHWM:" if peak else "VmRSS:"
    (line,) = (one for one in status.splitlines() if one.startswith(name))
    return int(line.split()[1]) / 1024


def percentiles(times: Sequence[float]) -> Mapping[str, float]:
    """Return p50, p95 and max of *times*."""
    ordered = sorted(times)
    last = len(ordered) - 1
    at = {"p50": 0.5, "p95": 0.95}
    found = {name: ordered[min(last, int(len(ordered) * share))] for name, share in at.items()}
    return {**found, "max": ordered[last]}
