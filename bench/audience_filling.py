"""The changes of bench/audience.py: people brought in, changed and folded into the index."""
# ruff: noqa: INP001, TID251 - beside a script, which reads clocks

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from audience_rig import (
    BESIDE,
    MEASURED,
    MIB,
    Bench,
    FailedError,
    Rows,
    cpu_s,
    fold_all,
    furnish,
    read_kept,
    stay_on,
)
from sqlalchemy import text

from programs import environment
from tocsin.services.people import PeopleService
from tocsin.wiring import Program

BATCH: Final = 1000
FOLDED_TOGETHER: Final = 5000
TURNS: Final = 3


def make(bench: Bench) -> Rows:
    """Import everybody and fold; with --beside a planner folds while the import runs."""
    if read_kept(bench.data) is not None:
        raise FailedError(f"{bench.data} has an audience already: give another --data")
    options = bench.options
    with bench.program() as program:
        kept = furnish(program, options)
        before, planner_cpu_s = bench.server_cpu_s(), 0.0
        if options.beside:
            with bench.planner(BESIDE) as planner:
                imported = bench.bring_in(kept, kept.subscribers)
                planner_cpu_s = cpu_s(planner.pid)
        else:
            imported = bench.bring_in(kept, kept.subscribers)
        server_cpu_s = bench.server_cpu_s() - before
        if (imported.created, imported.refused) != (kept.subscribers, 0):
            raise FailedError(f"{kept.subscribers} newcomers were expected: {imported}")
        stay_on(MEASURED)
        before, cpu = bench.server_cpu_s(), time.process_time()
        folded, seconds = fold_all(program)
        cpu = time.process_time() - cpu
        if not program.database.is_sqlite:  # as autovacuum will, in a server that stays up
            with program.database.write() as connection:
                connection.execute(text("ANALYZE"))
        kept.active = imported.active
        bench.keep(kept)
    return {
        "import": {
            "subscribers": kept.subscribers,
            "seconds": imported.seconds,
            "per second": kept.subscribers / imported.seconds,
            "CPU s": imported.cpu_s,
            "per CPU second": kept.subscribers / imported.cpu_s,
            "planner CPU s": planner_cpu_s,
            "server CPU s": server_cpu_s,
            "peak MiB": imported.peak_mib,
            "generator CPU s": imported.generator_cpu_s,
        },
        "fold what was left": {
            "changes": folded,
            "seconds": seconds,
            "CPU s": cpu,
            "server CPU s": bench.server_cpu_s() - before,
            "us per change": 1e6 * seconds / max(1, folded),
        },
        "until the index is true": {
            "seconds": imported.seconds + seconds,
            "per second": kept.subscribers / (imported.seconds + seconds),
        },
    }


def rebuild(bench: Bench) -> Rows:
    """Make the whole index anew."""
    stay_on(MEASURED)
    with bench.program() as program:
        began = time.perf_counter()
        people = program.indexing.rebuild()
        seconds = time.perf_counter() - began
    return {"rebuild": {"people": people, "seconds": seconds, "per second": people / seconds}}


_SQLITE_SIZES: Final = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name"
_POSTGRESQL_SIZES: Final = """
    SELECT relname, CASE relkind WHEN 'r' THEN pg_table_size(oid) ELSE pg_relation_size(oid) END
      FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace"""


def size(bench: Bench) -> Rows:
    """Return what each table and index has on the disk, the large ones first."""
    with bench.program() as program:
        is_sqlite = program.database.is_sqlite
        with program.database.engine.connect() as connection:
            if is_sqlite:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).all()
        with program.database.read() as connection:
            found = connection.execute(text(_SQLITE_SIZES if is_sqlite else _POSTGRESQL_SIZES))
            sizes = {name: int(held) for name, held in found}
    whole = sum(sizes.values())
    large = {name: held for name, held in sizes.items() if held > whole / 1000}
    parts = {"all": whole, **dict(sorted(large.items(), key=lambda one: -one[1]))}
    return {
        name: {"MiB": held / MIB, "bytes per subscriber": held / bench.kept.subscribers}
        for name, held in parts.items()
    }


def folding(bench: Bench) -> Rows:
    """Note changes of people far apart and close together, and time folding them."""
    stay_on(MEASURED)
    count = min(FOLDED_TOGETHER, bench.kept.subscribers)
    apart = bench.kept.subscribers // count
    rows: Rows = {}
    with bench.program() as program:
        fold_all(program)
        people = PeopleService(program.store)

        def set_plan(turn: int) -> None:
            data = {"plan": ("pro", "plus")[turn % 2], "score": turn}
            for ids in batches(bench.ids(program, range(turn, turn + apart * count, apart))):
                people.set_custom_data(bench.scope, ids, data, now_ms=program.clock.now_ms())

        kinds: dict[str, Callable[[int], object]] = {
            "updates far apart": lambda turn: bench.change_some(count, first=turn, step=apart),
            "updates side by side": lambda turn: bench.change_some(
                count, first=turn % max(1, apart - 1) * count, step=1
            ),
            "custom data far apart": set_plan,
        }
        for name, note in kinds.items():
            folded, seconds = 0, []
            for turn in range(TURNS):
                note(turn)
                some, took = fold_all(program)
                folded += some
                seconds.append(took)
            whole, people_changed = sum(seconds), TURNS * count
            rows[name] = {
                "people": people_changed,
                "folded": folded,
                "us per change": 1e6 * whole / people_changed,
                f"s per {FOLDED_TOGETHER}": FOLDED_TOGETHER * whole / people_changed,
                "longest s": max(seconds),
            }
    changed(bench)
    return rows


def changed(bench: Bench) -> None:
    """Note that people were changed."""
    bench.kept.changed = True
    bench.keep(bench.kept)


def batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield *values* in batches."""
    return (values[at : at + BATCH] for at in range(0, len(values), BATCH))


def changing(bench: Bench) -> Rows:
    """Change people in batches while a planner folds and another process asks, on one core.

    With --alone neither does: they share that core with PostgreSQL's own processes.
    """
    stay_on(MEASURED)
    kept = bench.kept
    changed(bench)
    rows: Rows = {}
    with bench.program() as program:
        people = PeopleService(program.store)
        kinds: dict[str, Callable[[list[int]], object]] = {
            "custom data": lambda ids: people.set_custom_data(
                bench.scope, ids, {"plan": "plus", "score": 99}, now_ms=program.clock.now_ms()
            ),
            "unsubscribe": lambda ids: people.unsubscribe(
                bench.scope, ids, now_ms=program.clock.now_ms()
            ),
        }
        numbers = scattered(kept.subscribers)
        with company(bench) as answers:
            for name, change in kinds.items():
                rows[name] = change_for(bench, program, numbers, change)
            count = min(kept.subscribers, int(bench.options.seconds * 3000))
            step = kept.subscribers // count
            one = bench.change_some(1, first=0, step=1).seconds
            took = bench.change_some(count, first=0, step=step).seconds - one
            rows["import of updates"] = {"changes": count, "per second": count / took}
        rows["left to fold"] = dict(zip(("changes", "seconds"), fold_all(program), strict=True))
    return rows | answers


@contextmanager
def company(bench: Bench) -> Iterator[Rows]:
    """Let a planner and another process work beside the block, unless with --alone."""
    if bench.options.alone:
        yield {}
        return
    with bench.planner(BESIDE), asking(bench) as answers:
        yield answers


def change_for(
    bench: Bench, program: Program, numbers: Iterator[int], change: Callable[[list[int]], object]
) -> dict[str, float]:
    """Change people for a while; looking up their ids is not counted."""
    times: list[float] = []
    while sum(times) < bench.options.seconds:
        some = [number for number, _ in zip(numbers, range(BATCH), strict=False)]
        if not some:
            break
        ids = bench.ids(program, some)
        began = time.perf_counter()
        change(ids)
        times.append(time.perf_counter() - began)
    changes = BATCH * len(times)
    longest = 1000 * max(times)
    return {"changes": changes, "per second": changes / sum(times), "longest batch ms": longest}


def scattered(count: int) -> Iterator[int]:
    """Yield every number below *count* once, neighbours far apart."""
    prime = 1_000_003
    if count % prime == 0:
        raise FailedError(f"--subscribers must be no multiple of {prime}")
    return (number * prime % count for number in range(count))


@contextmanager
def asking(bench: Bench) -> Iterator[Rows]:
    """Let another process ask the shapes in turn; how long it took is there after the block."""
    argv = ["taskset", "-c", str(BESIDE), sys.executable, str(Path(sys.argv[0]).absolute())]
    argv += ["asking", "--data", str(bench.data), "--url", bench.url]
    argv += [] if bench.options.cache is None else ["--cache", str(bench.options.cache)]
    answers: Rows = {}
    with subprocess.Popen(  # noqa: S603 - this very script
        argv, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            process.stdout.readline()  # it has begun
            yield answers
            told, _ = process.communicate(timeout=600)
            answers |= json.loads(told)
        finally:
            process.kill()
