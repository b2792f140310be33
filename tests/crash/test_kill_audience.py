"""SIGKILL of those who change subscribers and who fold that: the index says what the rows say.

A longer run: TOCSIN_KILL_TIMES=20 pytest tests/crash/test_kill_audience.py
"""

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from signal import SIGKILL
from time import time_ns
from typing import Any, Final, TypeAlias

import pytest
from sqlalchemy import Select, func, select, text

from programs import Program as Process
from programs import Programs
from rig import until
from tocsin.audience.bitmaps import first_of
from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.errors import Unavailable
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import read_targeting
from tocsin.services.indexing import MANY
from tocsin.services.reaching import reach
from tocsin.settings import Settings
from tocsin.simulators.virtual_subscribers import VirtualSubscribers
from tocsin.store.engine import Database
from tocsin.store.tables import audience_change, audience_shard, subscriber
from tocsin.web.imports import GROUP_BYTES, export_line
from tocsin.wiring import Program

TIMES: Final = int(os.environ.get("TOCSIN_KILL_TIMES", "1"))
"""How often each kill is done."""

GROUPS: Final = 6
AT_ONCE: Final = 500
PEOPLE: Final = GROUPS * AT_ONCE  # so many transactions of an import
LINE_BYTES: Final = -(-GROUP_BYTES // AT_ONCE)
"""How long blanks make a line: AT_ONCE of them are as many bytes as one transaction takes."""

LOOKS: Final = (0, 0, 1, 2, 4, 8, 16)
"""So many looks at the database after its moment a kill may come."""

WITHIN_S: Final = 60
DAY_MS: Final = 86_400_000
BETWEEN_MS: Final = 1_740_000_000_000  # in February 2025: some subscribed before, some after
HOSTS: Final = ("www.example.com", "shop.example.com", "www.example.org")

# What may be known of somebody, under the names of an import line. Of codes some have a bitmap
# and some have none: about MANY in a shard have the same one.
KNOWN: Final[dict[str, Callable[[random.Random], Any]]] = {
    "application": lambda draw: draw.choice(HOSTS),
    "country": lambda draw: draw.choice(["RS", "DE", "BR", "US", None]),
    "language": lambda draw: draw.choice(["sr", "de", "pt", "pt-BR", None]),
    "browser": lambda draw: draw.choice(["Chrome", "Firefox", None]),
    "user_data": lambda draw: {
        "plan": draw.choice(["gold", "tin"]),
        "code": draw.randrange(PEOPLE // (2 * MANY)),
    },
    "status": lambda draw: draw.choice(["active"] * 3 + ["unsubscribed"]),
    "subscribed_at": lambda draw: f"2025-0{draw.randint(1, 3)}-{draw.randint(10, 28)} 10:00:00",
}
Question: TypeAlias = tuple[dict[str, Any], Callable[[Subscriber], bool]]
"""A targeting, and what tells of one who is active whether they are meant."""


def test_what_a_kill_leaves_of_imports_and_of_folding_is_true(
    migrated_url: str, programs: Programs, tmp_path: Path
) -> None:
    with House.opened(programs, tmp_path, migrated_url) as house:
        kills = [
            (None, ["import"]),
            (None, ["import", "planner"]),
            (house.await_folded, ["planner"]),
            (house.await_folded, ["import", "planner"]),
            (house.await_writing, ["import", "planner"]),
        ] * TIMES
        for await_moment, victims in house.draw.sample(kills, len(kills)):
            print(f"{victims}: {await_moment and await_moment.__name__}")
            with house.importing() as importing:
                running = {"import": importing, "planner": house.start_planner()}
                house.await_taken(house.draw.randint(1, GROUPS - 3))
                if await_moment:
                    await_moment()
                house.linger()
                _kill(*(running.pop(victim) for victim in victims))
                house.assert_true(house.program)  # while the other one goes on
                _kill(*running.values())
            house.assert_true()

        house.import_all()
        house.assert_true(house.program)
        house.assert_everybody()
        house.assert_sound()


def test_an_index_whose_making_anew_was_killed_gives_no_wrong_answer(
    migrated_url: str, programs: Programs, tmp_path: Path
) -> None:
    with House.opened(programs, tmp_path, migrated_url) as house:
        house.import_all()
        moments = [None, house.await_half_made, house.await_made_anew] * TIMES
        for await_moment in house.draw.sample(moments, len(moments)):
            print(await_moment and await_moment.__name__)
            with house.importing() as importing:
                doctor = house.start("doctor", "--rebuild-audience")
                house.await_condemned()
                if await_moment:
                    await_moment()
                house.linger()
                _kill(doctor, importing)
            if house.look(_DAMAGED):
                house.assert_no_answer()
                mending = house.start_planner()
                house.await_mending()
                house.linger()
                _kill(mending)
                mending = house.start_planner()
                house.await_made_anew()
                house.await_all_folded()  # else what is laid over would hide what is wrong
                _kill(mending)
            house.assert_true(house.program)
            house.assert_true()


# -- the house -------------------------------------------------------------------------------

_NEWEST: Final = select(func.coalesce(func.max(subscriber.c.last_seen_ms), 0))
_INSTANTS: Final = select(func.count(subscriber.c.last_seen_ms.distinct()))
_UNFOLDED: Final = select(func.max(audience_change.c.id))
_DAMAGED: Final = select(func.count()).where(audience_shard.c.damaged)
_SHARDS: Final = select(func.count()).select_from(audience_shard)
_WRITERS: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND backend_xid IS NOT NULL"
)


@dataclass
class House:
    """A database, what is to be in it, and the processes that work at it.

    program: one that lives through every kill, and so keeps what it knows of the index. impatient:
    waits for no other writer. people: the last line of each. before_ms: the newest instant at which
    somebody was seen before the import at hand.
    """

    programs: Programs
    directory: Path
    url: str
    draw: random.Random
    program: Program
    impatient: Database
    owner: Account
    sites: list[Container]
    people: list[dict[str, Any]] = field(default_factory=list)
    before_ms: int = 0
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    @contextmanager
    def opened(cls, programs: Programs, directory: Path, url: str) -> Iterator["House"]:
        """Yield one with containers and without people, who will be of two shards."""
        seed = random.randrange(1 << 32)
        print(f"kills of seed {seed}")
        draw = random.Random(seed)
        with (
            closing(Program(Settings(data=directory, database_url=url))) as program,
            closing(Database(url, sqlite_wait_s=0)) as impatient,
        ):
            owner = program.accounts.create("main")
            with program.store.write() as unit:
                unit.accounts.take_ordinals(owner.root_id, first_of(1) - PEOPLE // 2)
            sites = [
                program.containers.create(owner.scope, name=name, origins=[f"https://{HOSTS[0]}"])
                for name in ("one", "other")
            ]
            house = cls(programs, directory, url, draw, program, impatient, owner, sites)
            keys = VirtualSubscribers("killed").get(0).subscription("")["keys"]
            for number in range(PEOPLE):
                subscription = {"endpoint": f"https://fcm.googleapis.com/{number}", "keys": keys}
                known = {name: value(draw) for name, value in KNOWN.items()}
                named = {"container": sites[0].key, "remote_user_id": str(number)}
                house.people.append({"subscription": subscription, **named, **known})
            yield house

    # -- processes -----------------------------------------------------------------------

    def start(self, *arguments: str, ready: str | None = None) -> Process:
        """Start `tocsin ARGUMENTS` on the database."""
        env = {"TOCSIN_DATABASE_URL": self.url}
        return self.programs.start(*arguments, data=self.directory, env=env, ready=ready)

    def start_planner(self) -> Process:
        return self.start("worker", "--role", "planner", ready="started.*role=planner")

    def _start_import(self, path: Path) -> Process:
        return self.start("subscribers", "import", "--account", "main", str(path))

    def _changed(self) -> list[bytes]:
        """Draw something of everybody anew; return their lines in an order of their own."""
        for one in self.people:
            name = self.draw.choice(["container", "status", *KNOWN])
            site = self.draw.choice(self.sites)
            one[name] = site.key if name == "container" else KNOWN[name](self.draw)
        order = self.draw.sample(self.people, len(self.people))
        return [json.dumps(one).encode().ljust(LINE_BYTES) + b"\n" for one in order]

    @contextmanager
    def importing(self) -> Iterator[Process]:
        """Yield an import that is fed all lines but the last, for which it waits in vain."""
        pipe, lines = self.directory / f"pipe-{next(self._numbers)}", self._changed()
        os.mkfifo(pipe)
        self.before_ms = self.look(_NEWEST)
        is_over = threading.Event()

        def feed() -> None:
            with suppress(BrokenPipeError), pipe.open("wb") as stream:
                stream.write(b"".join(lines[:-1]))
                stream.flush()
                is_over.wait()

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            yield self._start_import(pipe)
        finally:
            is_over.set()
            os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # nobody may have begun to read
            feeder.join()

    def import_all(self) -> None:
        """Import every line, and fold all that it changes."""
        file = self.directory / f"people-{next(self._numbers)}.ndjson"
        file.write_bytes(b"".join(self._changed()))
        planner, importing = self.start("worker", "--role", "planner"), self._start_import(file)
        taken = importing.expect(r"(\d+) created, (\d+) updated, 0 refused", within=WITHIN_S)
        assert importing.wait() == 0
        assert sum(map(int, taken.groups())) == PEOPLE
        self.await_all_folded()
        _kill(planner)

    # -- moments -------------------------------------------------------------------------

    def look(self, query: Select[Any]) -> Any:
        """Return the first value that a query finds."""
        with self.program.database.read() as connection:
            return connection.scalar(query)

    def linger(self) -> None:
        """Let a few looks go by, or none."""
        for _ in range(self.draw.choice(LOOKS)):
            self.look(_UNFOLDED)

    def await_taken(self, groups: int) -> None:
        """Wait until so many groups of the import are on the disk; each has an instant."""
        instants = _INSTANTS.where(subscriber.c.last_seen_ms > self.before_ms)
        _until(lambda: self.look(instants) >= groups)

    def await_folded(self) -> None:
        """Wait until a change that is in the list, or comes to it, is there no more."""
        _until(lambda: self.look(_UNFOLDED) is not None)
        noted = self.look(_UNFOLDED)
        _until(lambda: self.look(select(audience_change.c.id).filter_by(id=noted)) is None)

    def await_all_folded(self) -> None:
        _until(lambda: self.look(_UNFOLDED) is None)

    def await_writing(self) -> None:
        """Wait until somebody is in a transaction that writes."""
        _until(self._is_writing)

    def await_condemned(self) -> None:
        """Wait until the index is to be made anew."""
        _until(lambda: self.look(_DAMAGED))

    def await_mending(self) -> None:
        """Wait until somebody writes while it is to be made anew, or has made it."""
        _until(lambda: self._is_writing() or not self.look(_DAMAGED))

    def await_half_made(self) -> None:
        """Wait until one of the two shards is made anew."""
        _until(lambda: self.look(_DAMAGED) < self.look(_SHARDS))

    def await_made_anew(self) -> None:
        _until(lambda: not self.look(_DAMAGED))

    def _is_writing(self) -> bool:
        if not self.impatient.is_sqlite:
            with self.program.database.read() as connection:
                return bool(connection.scalar(_WRITERS))
        try:
            with self.impatient.write():
                return False
        except Unavailable:
            return True

    # -- what is true --------------------------------------------------------------------

    def assert_true(self, known: Program | None = None) -> None:
        """See that index and rows agree. known: who looks; None: one who opens both anew."""
        fresh = Program(Settings(data=self.directory, database_url=self.url))
        with nullcontext(known) if known else closing(fresh) as program:
            counted, expected = self._count(program)
            assert counted == expected
            assert program.indexing.is_true()

    def assert_no_answer(self) -> None:
        """See that an index that is to be made anew gives none."""
        with pytest.raises(Unavailable):
            self._count(self.program)

    def _count(self, program: Program) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many each targeting means: as the product counts, and one by one."""
        counted, expected = {}, {}
        scope, now_ms = self.owner.scope, time_ns() // 1_000_000
        with program.store.read() as unit:
            people = unit.subscribers.after(scope, -1, limit=2 * PEOPLE)
            for targeting, is_meant in self._questions(now_ms):
                asked = json.dumps(targeting)
                read, faults = read_targeting(targeting)
                assert not faults
                counted[asked] = reach(unit, scope, read, now_ms=now_ms).total
                expected[asked] = sum(one.active and is_meant(one) for one in people)
        return counted, expected

    def _questions(self, now_ms: int) -> list[Question]:
        site = self.sites[0].id
        days = (now_ms - BETWEEN_MS) // DAY_MS
        return [
            ({}, lambda _: True),
            ({"countries": _in("RS", "BR")}, lambda one: one.attributes.country in {"RS", "BR"}),
            ({"countries": _not_in("DE")}, lambda one: one.attributes.country != "DE"),
            ({"languages": _in("pt")}, lambda one: one.attributes.language in {"pt", "pt-BR"}),
            ({"applications": _in("*.example.com")}, lambda one: one.attributes.host in HOSTS[:2]),
            ({"apps": _in(str(site))}, lambda one: one.attributes.container_id == site),
            ({"user_data": {"plan": _in("gold")}}, _has("plan", "gold")),
            ({"user_data": {"code": _in("7")}}, _has("code", 7)),
            ({"user_data": {"code": _not_in("8")}}, lambda one: not _has("code", 8)(one)),
            (
                {"subscribed_age": {"from": days}, "user_data": {"plan": _in("tin")}},
                lambda one: (
                    (now_ms - one.attributes.subscribed_ms) // DAY_MS >= days
                    and _has("plan", "tin")(one)
                ),
            ),
        ]

    def assert_everybody(self) -> None:
        """See that everybody is there once, and is what their last line says."""
        names = ("container", "application", "country", "language", "user_data", "status")
        keys = {str(site.id): site.key for site in self.sites}
        there = []
        for one in self.program.subscribers.export(self.owner.scope):
            line = json.loads(export_line(one, keys=False))
            line["container"] = keys[line["container"]]
            there.append(int(line["remote_user_id"]))
            wanted = self.people[there[-1]]
            assert [line[name] for name in names] == [wanted[name] for name in names]
        assert Counter(there) == Counter(range(PEOPLE))

    def assert_sound(self) -> None:
        """See that the doctor finds nothing."""
        doctor = self.start("doctor")
        assert doctor.wait(within=WITHIN_S) == 0
        assert [line for line in doctor.output.splitlines() if not line.startswith("ok ")] == []
        assert "ok   the audience index says what the subscribers' rows say" in doctor.output


def _in(*items: str) -> dict[str, Any]:
    return {"op": "include", "items": list(items)}


def _not_in(*items: str) -> dict[str, Any]:
    return {"op": "exclude", "items": list(items)}


def _has(key: str, value: Any) -> Callable[[Subscriber], bool]:
    return lambda one: one.attributes.user_data.get(key) == value


def _until(is_so: Callable[[], Any]) -> None:
    until(lambda: is_so() or None, within=WITHIN_S)


def _kill(*processes: Process) -> None:
    """Kill all before any is waited for; none has ended by itself."""
    for process in processes:
        process.kill()
    assert [process.wait() for process in processes] == [-SIGKILL] * len(processes)
