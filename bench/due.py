"""How exactly and how cheaply appointments are kept, by the real server and push service.

Run: PYTHONPATH=src:tests python bench/due.py {one,many,crowd,idle,all} [--database postgresql]

one: from the due instant to the message at the push service, for tasks that are alone in their
second. many: as many tasks as --tasks in one second, each with one recipient of its own. crowd:
one task with as many recipients as --people. idle: what --sleeping tasks that are not due cost,
and how long a new task takes beside them. The push service notes when the head of each push came,
by the same clock that the server reads. It runs on the same cores and takes its share of them: it
decrypts every message. What fails is said, and the exit status is 1 then.
"""
# ruff: noqa: INP001, T201 - a script: nothing imports it, and it prints what it measured

import argparse
import http.client
import io
import json
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from postgres import running_postgres
from programs import NotReadyError, Programs
from rig import Rig, assert_adds_up, until
from tocsin.store.engine import Database
from tocsin.store.tables import push_task

PUSH_TASKS = "/v1/hood/push-tasks"
CONNECTIONS = 16
LOOK_S = 0.25
YEARS_3 = 3 * 365 * 86_400
MINUTES_10 = 600.0


class FailedError(Exception):
    """A measurement came to nothing; says why."""


class Stage:
    """A server that runs, a push service, and a window into the database."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.database = Database(rig.database_url)
        self.local = threading.local()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the answer to a call of the API, on a connection that this thread keeps."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            assert self.rig.server is not None
            host = urlsplit(self.rig.server.address).netloc
            connection = http.client.HTTPConnection(host, timeout=60)
            self.local.connection = connection
        sent = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        connection.request(
            method, path, sent, {"Authorization": f"Bearer {self.rig.token}", **kind}
        )
        with connection.getresponse() as answer:
            read = answer.read()
        if answer.status not in (200, 201):
            raise FailedError(f"{method} {path}: {answer.status} {read.decode()}")
        return json.loads(read)

    def order(self, bodies: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the ids of new tasks, posted over several connections."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(pool.map(lambda body: self.ask("POST", PUSH_TASKS, body)["id"], bodies))

    def sql(self, statement: str, **given: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(statement), given)]

    def processes(self) -> dict[str, int]:
        """Return the processes by role; several senders are numbered."""
        assert self.rig.server is not None
        found = {"web": self.rig.server.pid, "push service": self.rig.push_service.pid}
        children = Path(f"/proc/{self.rig.server.pid}").glob("task/*/children")
        for pid in sorted(int(pid) for one in children for pid in one.read_text().split()):
            words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
            role = words[words.index("--role") + 1] if "--role" in words else words[0]
            found[role if role not in found else f"{role} {len(found) - 2}"] = pid
        return found

    def cpu(self) -> dict[str, float]:
        """Return the processor seconds that each process has used."""
        tick = os.sysconf("SC_CLK_TCK")
        used = {}
        for role, pid in self.processes().items():
            line = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
            fields = line.rpartition(")")[2].split()
            used[role] = (int(fields[11]) + int(fields[12])) / tick
        return used

    def cpu_since(self, before: Mapping[str, float]) -> dict[str, float]:
        """Return the processor seconds used since *before*."""
        now = self.cpu()
        if now.keys() != before.keys():
            raise FailedError(f"a process ended or started anew: {[*before]} became {[*now]}")
        return {role: round(used - before[role], 2) for role, used in now.items()}

    def arrivals(self) -> dict[int, int]:
        """Return when the first message of each subscriber came to the push service, in ms."""
        return {line["n"]: line["first_ms"] for line in self.rig.report("/subscribers")}

    def forget(self) -> None:
        """Let the push service forget what came."""
        host = urlsplit(self.rig.push_service.address).netloc
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("POST", "/reset")
        connection.getresponse().read()
        connection.close()

    def received(self, count: int, within: float) -> None:
        """Wait until so many messages came."""
        self.until(lambda: self.rig.report()["received"] >= count, within, f"{count} messages")

    def until(self, look: Callable[[], bool], within: float, what: str) -> None:
        """Wait until *look* is true. Raises FailedError."""
        end = time.monotonic() + within
        while not look():
            if time.monotonic() > end:
                raise FailedError(f"no {what} within {within:.0f} s: {self.rig.report()}")
            time.sleep(LOOK_S)

    def warm_up(self) -> None:
        """Send one message by the whole way, to the last subscriber; then forget it."""
        self.until(
            lambda: not self.sql("SELECT 1 FROM audience_change LIMIT 1"), 120, "folded index"
        )
        (task_id,) = self.order([task_for(0)])
        self.rig.until_done(task_id)
        self.forget()

    def expect_clean(self, count: int) -> None:
        """Raise FailedError unless *count* messages came, each once and each good."""
        report = self.rig.report()
        found = [report[name] for name in ("received", "subscribers", "repeated", "most_for_one")]
        if found != [count, count, 0, 1] or report["violation_count"]:
            raise FailedError(f"{count} messages, each once, were expected: {report}")


def task_for(*numbers: int, start: float | None = None) -> dict[str, Any]:
    """Return the body of a task for virtual subscribers; for all of them when none is named.

    By their remote_user_id: that is known without asking the server, and the cutter finds it by
    an index, as it does an id.
    """
    people = {"op": "include", "items": [f"virtual-{number}" for number in numbers]}
    at = "immediately"
    if start is not None:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(start))
    return {
        "name": "Appointment",
        "status": 1,
        "start_time": at,
        "message": {
            "title": {"en": "Good news", "de": "Gute Nachricht"},
            "body": {"en": "Everything is cheaper today", "de": "Heute ist alles billiger"},
            "landing_url": "https://www.example.com/sale",
        },
        "targeting": {"remote_users": people} if numbers else {},
        "ttl": "3600",
    }


@contextmanager
def staged(options: argparse.Namespace, people: int) -> Iterator[Stage]:
    """Yield a fresh server with its subscribers; nothing of it is left when the block ends."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))  # what the programs printed
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-due-")))
        url = f"sqlite:///{directory / 'tocsin.db'}"
        if options.database == "postgresql":
            url = stack.enter_context(running_postgres()).new_database()
        programs = stack.enter_context(Programs.closed_at_end())
        rig = Rig.build(programs, url, directory, TOCSIN_SENDERS=str(options.senders))
        stage = Stage(rig)
        stack.callback(stage.database.close)
        rig.subscribe_virtual(people)
        stage.warm_up()
        yield stage


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return the usual percentiles of *times*."""
    ordered = sorted(times)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    found = {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))]
        for name, share in shares.items()
    }
    return {"min": ordered[0], **found, "max": ordered[-1]}


def one(options: argparse.Namespace) -> dict[str, Any]:
    """Measure appointments that are alone in their second."""
    count = options.repeats
    with staged(options, count + 1) as stage:
        first = int(time.time()) + 10
        due = {number: first + number for number in range(1, count + 1)}
        stage.order([task_for(number, start=start) for number, start in due.items()])
        if time.time() > first:
            raise FailedError(f"{count} tasks were not made within 10 s")
        stage.received(count, within=count + 60)
        stage.expect_clean(count)
        came = stage.arrivals()
    late = [came[number] - start * 1000 for number, start in due.items()]
    if min(late) < 0:
        raise FailedError(f"{sum(ms < 0 for ms in late)} messages came too early: {min(late)} ms")
    return {"messages": count, "early": 0, "late_ms": percentiles(late)}


class Watch(threading.Thread):
    """Looks how far the executions of one instant are, and notes when each stage was over."""

    STAGES = ("planned", "cut", "sent", "recorded", "done")

    def __init__(self, stage: Stage, tasks: int, due: float) -> None:
        super().__init__(daemon=True)
        self._stage, self._tasks, self._due = stage, tasks, due
        self.over = threading.Event()
        self.reached: dict[str, float] = {}
        self.half: dict[str, float] = {}

    def run(self) -> None:
        """Look until everything is done, or told to stop."""
        while not self.over.wait(LOOK_S) and len(self.reached) < len(self.STAGES):
            at = time.time() - self._due
            if at < 0:
                continue
            for name, count in zip(self.STAGES, self._counts(), strict=True):
                if 2 * count >= self._tasks:
                    self.half.setdefault(name, round(at, 2))
                if count >= self._tasks:
                    self.reached.setdefault(name, round(at, 2))

    def _counts(self) -> tuple[int, ...]:
        """Return how many executions are beyond each stage; that of the warm-up is left out."""
        ((parcels, open_parcels),) = self._stage.sql(
            "SELECT (SELECT count(*) FROM parcel), (SELECT count(*) FROM parcel WHERE pending > 0)"
        )
        ((tasks, done),) = self._stage.sql(
            "SELECT count(*), count(CASE WHEN state = 'done' THEN 1 END) FROM execution"
        )
        sent = self._stage.rig.report()["received"]
        return tasks - 1, parcels - 1, sent, parcels - open_parcels - 1, done - 1


def many(options: argparse.Namespace) -> dict[str, Any]:
    """Measure many appointments in one second."""
    count = options.tasks
    with staged(options, count + 1) as stage:
        due = int(time.time() + 10 + count / options.creates)
        began = time.time()
        made = stage.order([task_for(number, start=due) for number in range(1, count + 1)])
        took = time.time() - began
        if time.time() > due - 1:
            raise FailedError(f"{count} tasks took {took:.0f} s to make: give a lower --creates")
        watch = Watch(stage, count, due)
        while time.time() < due - 0.5:
            time.sleep(0.05)
        before = stage.cpu()
        watch.start()
        try:
            stage.until(lambda: not watch.is_alive(), MINUTES_10, "end of the executions")
        finally:
            watch.over.set()
        used = stage.cpu_since(before)
        stage.expect_clean(count)
        came = sorted(stage.arrivals().values())
        expect_done(stage, count, made[:: max(1, count // 20)])
    seconds = [ms / 1000 - due for ms in came]
    return {
        "tasks": count,
        "creates_per_s": round(count / took),
        "first_s": round(seconds[0], 3),
        "median_s": round(seconds[count // 2], 3),
        "last_s": round(seconds[-1], 3),
        "tasks_per_s": round(count / seconds[-1]),
        "half_s": watch.half,
        "all_s": watch.reached,
        "cpu_s": used,
        "cpu_ms_per_task": {role: round(1000 * s / count, 2) for role, s in used.items()},
    }


def expect_done(stage: Stage, count: int, some: Sequence[str]) -> None:
    """Raise FailedError unless all executions are done and add up; the API is asked of *some*."""
    rows = stage.sql(
        "SELECT e.state, count(*), sum(p.size), sum(p.accepted) FROM execution e"
        " JOIN parcel p ON p.execution_id = e.id GROUP BY e.state"
    )
    if [tuple(map(str, row)) for row in rows] != [("done", *[str(count + 1)] * 3)]:
        raise FailedError(f"{count + 1} executions, done and accepted, were expected: {rows}")
    for task_id in some:
        (found,) = stage.ask("GET", f"{PUSH_TASKS}/{task_id}/executions")["items"]
        assert_adds_up(found["counters"])
        if (found["state"], found["counters"]["delivered"]) != ("done", 1):
            raise FailedError(f"an execution is not as it should be: {found}")


def crowd(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one task with many recipients."""
    count = options.people
    with staged(options, count) as stage:
        before = stage.cpu()
        began = time.time()
        (task_id,) = stage.order([task_for()])
        stage.received(count, within=MINUTES_10)
        execution = stage.rig.until_done(task_id)
        used = stage.cpu_since(before)
        stage.expect_clean(count)
        report = stage.rig.report()
    if execution["counters"]["delivered"] != count:
        raise FailedError(f"not everybody was reached: {execution}")
    took = (report["last_ms"] - report["first_ms"]) / 1000
    return {
        "people": count,
        "first_s": round(report["first_ms"] / 1000 - began, 3),
        "last_s": round(report["last_ms"] / 1000 - began, 3),
        "messages_per_s": round(count / took),
        "cpu_s": used,
        "sender_us_per_message": round(1e6 * used["sender"] / count),
    }


def idle(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what sleeping tasks cost, and a new one beside them."""
    with staged(options, options.repeats + 1) as stage:
        rig = stage.rig
        (model,) = stage.order([task_for(0, start=time.time() + 30 * 86_400)])
        assert rig.server is not None
        rig.server.interrupt_leader(15)
        rig.server.wait(within=60)
        put_to_sleep(stage, int(model), options.sleeping)
        rig.serve()
        stage.local.connection = None
        stage.until(lambda: len(stage.processes()) >= 3 + options.senders, 60, "worker processes")
        time.sleep(options.settle)
        before, began = stage.cpu(), time.monotonic()
        time.sleep(options.seconds)
        used, took = stage.cpu_since(before), time.monotonic() - began
        stage.forget()
        late = []
        for number in range(1, options.repeats + 1):
            at_ms = time.time() * 1000
            stage.order([task_for(number)])
            until(lambda n=number: rig.report()["received"] >= n or None, within=60)
            late.append(round(stage.arrivals()[number] - at_ms, 1))
        stage.expect_clean(options.repeats)
    share = {role: round(100 * s / took, 2) for role, s in used.items() if role != "push service"}
    return {
        "sleeping": options.sleeping,
        "percent_of_a_core": {**share, "sum": round(sum(share.values()), 2)},
        "new_task_ms": percentiles(late),
    }


def put_to_sleep(stage: Stage, model: int, count: int) -> None:
    """Copy a task so often, each copy due at an instant of its own in the next three years."""
    names = [column.name for column in push_task.c if column.name != "id"]
    later = f"+ 1000 * ((n.i * 7919) % {YEARS_3})"  # a prime, so that neighbours are far apart
    moved = {"start_ms", "next_slot_ms", "next_due_ms"}
    copied = ", ".join(f"t.{name} {later}" if name in moved else f"t.{name}" for name in names)
    with stage.database.write() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL"  # noqa: S608 - names of ours
                " SELECT i + 1 FROM n WHERE i < :count)"
                f" INSERT INTO push_task ({', '.join(names)})"
                f" SELECT {copied} FROM push_task t CROSS JOIN n WHERE t.id = :model"
            ),
            {"count": count, "model": model},
        )


MEASURES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "one": one,
    "many": many,
    "crowd": crowd,
    "idle": idle,
}


def show(name: str, found: Mapping[str, Any]) -> None:
    """Print what was measured, a line for each number or group of numbers."""
    print(name)
    for what, value in found.items():
        shown = value
        if isinstance(value, Mapping):
            shown = "  ".join(f"{key} {number:g}" for key, number in value.items())
        print(f"  {what:18} {shown}")


def main() -> int:
    """Measure what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=[*MEASURES, "all"])
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--senders", type=int, default=1, help="sender processes")
    parser.add_argument("--repeats", type=int, default=60, help="single tasks of one and idle")
    parser.add_argument("--tasks", type=int, default=10_000, help="of many")
    parser.add_argument("--creates", type=int, default=200, help="tasks a second made before many")
    parser.add_argument("--people", type=int, default=100_000, help="of crowd")
    parser.add_argument("--sleeping", type=int, default=1_000_000, help="of idle")
    parser.add_argument("--settle", type=float, default=10, help="seconds before idle is measured")
    parser.add_argument("--seconds", type=float, default=30, help="that idle is measured for")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{options.database}, load {load}"
    )
    results: dict[str, Any] = {"database": options.database, "load_before": os.getloadavg()}
    for name in MEASURES if options.measure == "all" else [options.measure]:
        try:
            results[name] = MEASURES[name](options)
        except (FailedError, NotReadyError, AssertionError, OSError) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            return 1
        show(name, results[name])
        if options.json:
            options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
