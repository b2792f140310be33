"""The sides of bench/delivery.py: the product, the libraries beside it, and the least of all."""
# ruff: noqa: INP001, S101, S310, S603, S607, TID251 - beside a script, which starts and times things

import argparse
import base64
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from delivery_processes import by_role, cpu_s, on_core, peak_mib, senders_of, tree
from delivery_stages import shares, watched
from sqlalchemy import text

from postgres import running_postgres
from programs import Program, Programs, environment
from rig import ORIGIN, Rig, until
from tocsin.simulators.virtual_subscribers import VirtualSubscribers, write_import_file
from tocsin.store.engine import Database
from tocsin.webpush import base64url, vapid
from tocsin.webpush.encryption import decrypt

HERE: Final = Path(__file__).parent
SEED: Final = "delivery"
SENDERS_CORE, OTHERS_CORE = 0, 1
TITLE: Final = {"en": "Good news today", "de": "Gute Nachrichten", "fr": "Bonnes nouvelles"}
BODY: Final = {"en": "Everything is cheaper", "de": "Alles ist billiger", "fr": "Moins cher"}
TTL_S: Final = 3600
AT_ONCE: Final = 64
CURVE: Final = ec.SECP256R1()
CURVE_TIMES: Final = 20_000
LOOK_S: Final = 0.5
LONGEST_S: Final = 900


class FailedError(Exception):
    """A measurement came to nothing; says why."""


@dataclass(frozen=True)
class Cost:
    """What a side needed. cpu_s: of its own processes. other: figures of that side alone."""

    messages: int
    seconds: float
    cpu_s: float
    other: Mapping[str, float]

    @property
    def per_cpu_second(self) -> float:
        """Return messages for each second of a processor."""
        return self.messages / self.cpu_s


class Sink:
    """The push service."""

    def __init__(self, pem: str) -> None:
        with on_core(OTHERS_CORE):
            self.program = Program(["node", HERE / "delivery_sink.mjs", pem], env=environment())
        self.pem = pem
        names = ("HTTP/2", "HTTP/1.1", "telling")
        self.h2, self.h1, self._telling = (
            self.program.expect(rf"^{name}: (\S+)$")[1] for name in names
        )

    def told(self) -> dict[str, Any]:
        """Return what came since it was last forgotten."""
        with urllib.request.urlopen(self._telling) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def forget(self) -> None:
        """Let it count anew."""
        urllib.request.urlopen(urllib.request.Request(self._telling, method="POST")).close()

    def expect(self, count: int) -> dict[str, Any]:
        """Return what came. Raises FailedError unless it is *count* good messages, one for each."""
        told = self.told()
        if told["violations"] or [told["received"], told["distinct"]] != [count, count]:
            raise FailedError(f"{count} good messages, each once, were expected: {told}"[:800])
        people = VirtualSubscribers(SEED)
        for kept in told["bodies"]:
            found = people.at(kept["path"])
            assert found is not None, kept["path"]
            somebody = found[0]
            read = json.loads(
                decrypt(
                    base64.b64decode(kept["body"]),
                    receiver_key=somebody.receiver_key,
                    auth=somebody.auth,
                )
            )
            if read["title"] not in TITLE.values():
                raise FailedError(f"a message reads {read}")
        return told


@contextmanager
def furnished(
    database: str, sink: Sink, directory: Path, options: argparse.Namespace, senders: int
) -> Iterator[tuple[Rig, int | None]]:
    """Yield a server with its audience, and the process of its database server if it has one."""
    with ExitStack() as stack:
        url, database_pid = f"sqlite:///{directory / 'tocsin.db'}", None
        if database == "postgresql":
            with on_core(OTHERS_CORE):
                url = stack.enter_context(running_postgres()).new_database()
        programs = stack.enter_context(Programs.closed_at_end())
        settings = {
            "TOCSIN_PUSH_HOSTS": sink.h2.removeprefix("https://"),
            "TOCSIN_CA_FILE": sink.pem,
            "TOCSIN_SENDERS": str(senders),
        }
        rig = Rig(programs, url, directory, sink.program, settings=settings)
        with on_core(SENDERS_CORE) if senders == 1 else ExitStack():
            serve(rig)
        bring_in(rig, sink, directory, options.people)
        if database == "postgresql":
            database_pid = postmaster(url)
        yield rig, database_pid


def serve(rig: Rig) -> None:
    """Start the server for the first time."""
    rig.token = rig.serve().expect(r"^ +(tocsin_\S+)$")[1]
    made = rig.tocsin(
        "container", "create", "--account", "main", "--name", "shop", "--origin", ORIGIN
    )
    rig.key = json.loads(made)["key"]


def bring_in(rig: Rig, sink: Sink, directory: Path, people: int) -> None:
    """Import the audience, and wait until it is indexed."""
    path = directory / "people.ndjson"
    with path.open("w") as stream:
        write_import_file(stream, count=people, container=rig.key, base_url=sink.h2, seed=SEED)
    printed = rig.tocsin("subscribers", "import", "--account", "main", str(path))
    if f"{people} created" not in printed:
        raise FailedError(printed)
    path.unlink()
    with closing(Database(rig.database_url)) as database:
        waits = "SELECT 1 FROM audience_change LIMIT 1"
        until(lambda: ask(database, waits) is None or None, within=600)


def ask(database: Database, query: str) -> Any:
    """Return the first value that a query finds, or None."""
    with database.read() as connection:
        return connection.scalar(text(query))


def postmaster(url: str) -> int:
    """Return the process of the database server."""
    with closing(Database(url)) as database:
        backend = ask(database, "SELECT pg_backend_pid()")
        status = Path(f"/proc/{backend}/stat").read_text(encoding="ascii")
        return int(status.rpartition(")")[2].split()[1])


def product(
    database: str, sink: Sink, directory: Path, options: argparse.Namespace, senders: int = 1
) -> Iterator[Cost]:
    """Yield what each execution of a task for everybody costs the product."""
    with furnished(database, sink, directory, options, senders) as (rig, database_pid):
        send(rig, sink, options.people, database_pid)  # warms everything up
        stages: dict[str, float] = {}
        if options.stages:
            assert rig.server is not None
            pid, looks = senders_of(tree(rig.server.pid))[0], directory / "looks"
            with watched(options.peers / "venv/bin/py-spy", pid, looks):
                send(rig, sink, options.people, database_pid)
            stages = {f"{stage}, % of a sender": 100 * of for stage, of in shares(looks).items()}
        for _ in range(options.turns):
            cost = send(rig, sink, options.people, database_pid)
            yield replace(cost, other={**cost.other, **stages})


def send(rig: Rig, sink: Sink, people: int, database_pid: int | None) -> Cost:
    """Return what one execution costs. Raises FailedError when not everybody has their message."""
    assert rig.server is not None
    sink.forget()
    pids = tree(rig.server.pid)
    beside = {"database server": database_pid, "push service": sink.program.pid}
    theirs = {name: cpu_s(tree(pid)) for name, pid in beside.items()}
    before, began = by_role(pids), time.time()
    task_id = rig.post(
        {
            "name": "Delivery",
            "status": 1,
            "start_time": "immediately",
            "ttl": str(TTL_S),
            "message": {"title": TITLE, "body": BODY, "landing_url": f"{ORIGIN}/sale"},
        }
    )
    counters = done(rig, task_id)
    took = time.time() - began
    if counters["delivered"] != people:
        raise FailedError(f"not everybody was reached: {counters}")
    used = {role: now - before[role] for role, now in by_role(pids).items()}
    theirs = {name: cpu_s(tree(pid)) - theirs[name] for name, pid in beside.items()}
    told = sink.expect(people)
    other = {
        **{f"CPU of {role}, us a message": 1e6 * some / people for role, some in used.items()},
        "first message, ms after the post began": told["firstMs"] - 1000 * began,
        "a second, on the wire": 1000 * people / (told["lastMs"] - told["firstMs"]),
        "sender, MiB": max(map(peak_mib, senders_of(pids))),
        **{
            f"CPU of the {name}, us a message": 1e6 * some / people for name, some in theirs.items()
        },
    }
    return Cost(people, took, sum(used.values()), other)


def done(rig: Rig, task_id: str) -> Mapping[str, int]:
    """Return the counters of the task's execution once it is done; looking costs the server."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        time.sleep(LOOK_S)
        execution = rig.execution(task_id)
        if execution is not None and execution["state"] == "done":
            counters: Mapping[str, int] = execution["counters"]
            return counters
    raise FailedError(f"not done within {LONGEST_S} s: {execution}")


def peer(name: str, sink: Sink, directory: Path, options: argparse.Namespace) -> Iterator[Cost]:
    """Yield what a library costs, in a process of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    people = VirtualSubscribers(SEED)
    count = options.peer_people
    job = {
        "subscriptions": [people.get(n).subscription(sink.h1) for n in range(count)],
        "payload": json.dumps({"title": TITLE["en"], "body": BODY["en"], "token": "x" * 100}),
        "publicKey": vapid.public_key_text(key.public_key()),
        "privateKey": base64url.encode(vapid.dump_private_key(key)),
        "subject": "mailto:ops@example.com",
        "ttl": TTL_S,
        "atOnce": AT_ONCE,
        "caFile": sink.pem,
    }
    path = directory / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    python = [options.peers / "venv/bin/python", HERE / "delivery_peer.py"]
    argv = {
        "web-push": ["node", HERE / "delivery_peer.mjs", path],
        "pywebpush": [*python, "call", path],
        "pywebpush with a session": [*python, "session", path],
        "webpush_async": [*python, "async", path],
    }[name]
    for _ in range(options.turns):
        sink.forget()
        with on_core(SENDERS_CORE):
            printed = subprocess.run(
                argv,
                cwd=options.peers,
                env={
                    **os.environ,
                    "NODE_EXTRA_CA_CERTS": sink.pem,
                    "REQUESTS_CA_BUNDLE": sink.pem,
                },
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        sink.expect(count)
        yield Cost(count, other={}, **json.loads(printed))


def curve(_sink: Sink, _directory: Path, options: argparse.Namespace) -> Iterator[Cost]:
    """Yield what a message costs at the least: a key pair and an agreement on a secret."""
    theirs = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = theirs.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for _ in range(options.turns):
        with on_core(SENDERS_CORE):
            used, began = time.process_time(), time.perf_counter()
            for _ in range(CURVE_TIMES):
                key = ec.generate_private_key(ec.SECP256R1())
                key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point))
            used, took = time.process_time() - used, time.perf_counter() - began
        yield Cost(CURVE_TIMES, took, used, {})


def install_peers(folder: Path) -> None:
    """Install the other senders where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules/web-push").exists():
        subprocess.run(["npm", "install", "--silent", "web-push"], cwd=folder, check=True)
    if not (folder / "venv/bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        pip = [folder / "venv/bin/pip", "install", "--quiet", "pywebpush", "aiohttp", "py-spy"]
        subprocess.run(pip, check=True)
