"""The questions of bench/audience.py: how soon a targeting is counted, and how soon it is cut."""
# ruff: noqa: INP001, TID251 - beside a script, which reads clocks

import select
import sys
import time
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Final

from audience_rig import (
    BESIDE,
    MEASURED,
    MIB,
    Bench,
    FailedError,
    Rows,
    percentiles,
    resident_mib,
    stay_on,
    targeting_of,
)
from query_shapes import Body, everything, growing, shapes
from sqlalchemy import select as rows_of

from tocsin.domain.message import Message
from tocsin.domain.push_task import Draft, Status
from tocsin.domain.schedule import Schedule
from tocsin.domain.targeting import Targeting
from tocsin.services.commands import CommandService
from tocsin.services.cutting import Cutting
from tocsin.services.preview import PreviewService
from tocsin.services.reaching import reach
from tocsin.services.tasks import Creation, TaskService
from tocsin.store.tables import execution, parcel
from tocsin.wiring import Program

START_MS: Final = 1500
ORDERS: Final = 6  # of each kind: the first is the first that its planner cuts
_MESSAGE: Final = Message(
    title={"en": "Hello"}, body={}, image={}, landing_url="https://www.example.com/"
)


def ask(bench: Bench, program: Program, targeting: Targeting) -> tuple[float, int]:
    """Return how long a reach takes, in ms, and how many it means."""
    began = time.perf_counter()
    with program.store.read() as unit:
        found = reach(unit, bench.scope, targeting, now_ms=program.clock.now_ms())
    return 1000 * (time.perf_counter() - began), found.total


def ask_often(bench: Bench, program: Program, targeting: Targeting) -> list[float]:
    """Return how long each of --repeats reaches takes, in ms."""
    return [ask(bench, program, targeting)[0] for _ in range(bench.options.repeats)]


def reaching(bench: Bench) -> Rows:
    """Ask each shape: in a process that never asked before, then often; the whole preview too."""
    stay_on(MEASURED)
    rows: Rows = {}
    with bench.program() as program:
        named = bench.named(program)
        bodies = shapes(named)
        before = resident_mib()
        for name, body in bodies.items():
            targeting = targeting_of(body)
            _, total = ask(bench, program, targeting)
            rows[name] = {"total": total, **percentiles(ask_often(bench, program, targeting))}
        check_everyone(bench, rows["everyone"]["total"])
        after_shapes = resident_mib()
        for body in everything(named):
            ask(bench, program, targeting_of(body))
        after_all, peak = resident_mib(), resident_mib(peak=True)
        for name, body in bodies.items():
            rows[name] |= {"preview p50": median(preview_times(bench, program, body))}
    for name, body in bodies.items():
        with bench.program() as fresh:
            fresh.schema()  # opens the database
            rows[name] = {"cold": ask(bench, fresh, targeting_of(body))[0], **rows[name]}
    per_subscriber = (after_all - before) * MIB / bench.kept.subscribers
    rows["memory"] = {
        "MiB before": before,
        "after the shapes": after_shapes,
        "after every value": after_all,
        "peak": peak,
        "bytes per subscriber": per_subscriber,
    }
    return rows


def check_everyone(bench: Bench, total: float) -> None:
    """Raise FailedError unless everyone is as many as were brought in."""
    if total != bench.kept.active and not bench.kept.changed:
        raise FailedError(f"everyone is {total}, but {bench.kept.active} are active")


def preview_times(bench: Bench, program: Program, body: Body) -> Iterator[float]:
    """Yield how long previews of a task take, in ms: what the API's call does, HTTP aside."""
    service, order = PreviewService(program.store), task(targeting_of(body), start_ms=None)
    for _ in range(max(3, bench.options.repeats // 4)):
        began = time.perf_counter()
        service.preview(bench.scope, order, now_ms=program.clock.now_ms())
        yield 1000 * (time.perf_counter() - began)


def task(targeting: Targeting, *, start_ms: int | None, total_user: int | None = None) -> Draft:
    """Return an order; start_ms: None for an inactive one."""
    return Draft(
        name="bench",
        message=_MESSAGE,
        targeting=targeting,
        status=Status.INACTIVE if start_ms is None else Status.ACTIVE,
        schedule=Schedule(start=start_ms),
        total_user=total_user,
    )


def growth(bench: Bench) -> Rows:
    """Ask targetings of ever more criteria, and of ever more items: p50 in ms."""
    stay_on(MEASURED)
    rows: Rows = {}
    with bench.program() as program:
        for what, series in growing(bench.named(program)).items():
            rows[what] = {}
            for count, body in series:
                targeting = targeting_of(body)
                ask(bench, program, targeting)
                rows[what][str(count)] = median(ask_often(bench, program, targeting))
    return rows


def ask_until_told(bench: Bench) -> Rows:
    """Ask the shapes in turn until standard input ends; return how long each took, in ms."""
    times: dict[str, list[float]] = {}
    with bench.program() as program:
        bodies = shapes(bench.named(program))
        targetings = {name: targeting_of(body) for name, body in bodies.items()}
        for targeting in targetings.values():
            ask(bench, program, targeting)
        print("asking", flush=True)  # noqa: T201 - to the process that waits for it
        while not select.select([sys.stdin], [], [], 0)[0]:
            for name, targeting in targetings.items():
                times.setdefault(name, []).append(ask(bench, program, targeting)[0])
    rows = {f"meanwhile {name}": dict(percentiles(found)) for name, found in times.items()}
    every = [one for found in times.values() for one in found]
    return rows | {"meanwhile, all": dict(percentiles(every))}


def first_parcel(bench: Bench) -> Rows:
    """Order tasks by the instant: how long after it the first parcel is there to be sent."""
    stay_on(BESIDE)
    with bench.program() as program:
        bodies = shapes(bench.named(program))
        orders: Mapping[str, tuple[Body, int | None]] = {
            "everyone": ({}, None),
            "all fifteen": (bodies["9 all fifteen"], None),
            "10,000 of a country": (bodies["3 country, language"], 10_000),
        }
        rows: Rows = {}
        for name, (body, cap) in orders.items():
            with bench.planner(MEASURED):  # a new one: its first cut is from nothing
                targeting = targeting_of(body)
                late = [late_ms(bench, program, targeting, cap) for _ in range(ORDERS)]
            rows[name] = {"cold": late[0], **percentiles(late[1:])}
    return rows


def late_ms(bench: Bench, program: Program, targeting: Targeting, cap: int | None) -> float:
    """Return the ms from the due instant of a task until its first parcel is seen, committed."""
    now_ms = program.clock.now_ms()
    due_ms = now_ms + START_MS
    order = task(targeting, start_ms=due_ms, total_user=cap)
    (receipt,) = TaskService(program.store).create([Creation(bench.scope, order, now_ms)])
    if isinstance(receipt, Exception):
        raise FailedError(str(receipt))
    task_id = int(receipt.result)
    query = rows_of(parcel.c.id).join(execution, execution.c.id == parcel.c.execution_id).limit(1)
    query = query.where(execution.c.task_id == task_id)
    while time.time() * 1000 < due_ms - 50:
        time.sleep(0.01)
    while True:
        with program.database.read() as connection:
            found = connection.scalar(query)
        at_ms = time.time() * 1000
        if found is not None:
            break
        if at_ms > due_ms + 120_000:
            raise FailedError("no parcel within 120 s")
        time.sleep(0.001)
    CommandService(program.store).delete(bench.scope, task_id, now_ms=program.clock.now_ms())
    settle(program)
    return at_ms - due_ms


def settle(program: Program) -> None:
    """Wait until nothing is to be cut, and nobody of a deleted task is pending any more."""
    pending = rows_of(parcel.c.id).where(parcel.c.pending > 0).limit(1)
    while Cutting(program.store).is_needed():
        time.sleep(0.01)
    while True:
        with program.database.read() as connection:
            if connection.scalar(pending) is None:
                return
        time.sleep(0.01)
