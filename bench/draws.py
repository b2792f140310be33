"""What it is like when a whole audience draws within a minute, from an exchange that is slow.

Run: PYTHONPATH=src:tests python bench/draws.py [--people 50000] [--seconds 60] [--delay-ms 1000]

One server on SQLite, one process for the web; a push service and an exchange that are simulated; a
process for all devices, each with a connection of its own. They come evenly spread. Meanwhile the
API is asked ten times a second. The server has one core, the rest the other. What does not add up
is said, and the exit status is 1 then.
"""
# ruff: noqa: INP001, S310, T201, TID251 - a script: nothing imports it, and it prints what it measured

import argparse
import asyncio
import io
import json
import os
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

from programs import Programs
from rig import Rig
from tocsin.domain.keyring import Keyring
from tocsin.domain.message_token import MessageRef, mint

TTL_MS: Final = 3_600_000
PROBE_S: Final = 0.1


def prepare(rig: Rig, exchange: str, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Return a task that was sent to everybody, and the path at which each device draws."""
    rig.subscribe_virtual(options.people)
    zone = {
        "name": "Slow",
        "protocol": "feed",
        "url": exchange.replace("127.0.0.1", "localhost") + "/feed",
        "timeout_ms": options.timeout_ms,
    }
    posted = ("-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(zone))
    zone_id = rig.curl(*posted, "/v1/hood/zones")["id"]
    fallback = {"title": "Update", "landing_url": "https://www.example.com/"}
    adex = {"zone_id": zone_id, "fallback_message": fallback}
    task = {"name": "load", "status": 1, "start_time": "immediately", "adex": adex}
    task_id = rig.post(task)
    execution = rig.until_done(task_id, within=600)
    secret = bytes.fromhex((rig.directory / "secret.key").read_text().strip())
    key = Keyring(secret).message_token
    with sqlite3.connect(rig.directory / "tocsin.db") as database:
        ordinals = [row[0] for row in database.execute("SELECT ordinal FROM subscriber")]
    until_ms = time.time_ns() // 1_000_000 + TTL_MS
    refs = [MessageRef(int(execution["id"]), ordinal) for ordinal in ordinals]
    return task_id, [f"/v1/edge/adex/{mint(key, ref, expires_ms=until_ms)}" for ref in refs]


async def asked(host: str, port: int, path: str, token: str = "") -> tuple[int, float]:
    """Return the status of one answer, 0 for none, and how many milliseconds it took."""
    begin = time.perf_counter()
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write("\r\n".join((*lines, "", "")).encode())
        status = int((await reader.read()).split(b" ", 2)[1])
        writer.close()
    except (OSError, IndexError):
        status = 0
    return status, (time.perf_counter() - begin) * 1000


async def storm(
    address: str, paths: list[str], seconds: float, token: str
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Let every device draw, evenly spread; return the answers of draws, and of the API."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    probes: list[tuple[int, float]] = []

    async def probe() -> None:
        while True:
            probes.append(await asked(host, int(port), "/v1/hood/push-tasks", token))
            await asyncio.sleep(PROBE_S)

    probing = asyncio.create_task(probe())
    begin = time.perf_counter()
    draws = []
    for number, path in enumerate(paths):
        ahead = begin + number * seconds / len(paths) - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        draws.append(asyncio.create_task(asked(host, int(port), path)))
    answers = await asyncio.gather(*draws)
    probing.cancel()
    return answers, probes


def told(what: str, answers: list[tuple[int, float]]) -> str:
    """Return a line with the statuses, and how long it took."""
    took = sorted(ms for _, ms in answers)
    p50, p95, p99 = (took[int(len(took) * part)] for part in (0.5, 0.95, 0.99))
    statuses = dict(Counter(status for status, _ in answers))
    shares = f"p50 {p50:,.0f} ms, p95 {p95:,.0f}, p99 {p99:,.0f}, most {took[-1]:,.0f}"
    return f"{what}: {statuses}, {shares}"


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, without its children's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def faults(totals: dict[str, Any], people: int) -> list[str]:
    """Return what does not add up."""
    found = []
    if totals["claimed"] != people or totals["open"]:
        found.append(f"{totals['claimed']} of {people} draws are claimed, {totals['open']} open")
    if sum(totals["ended"].values()) != totals["claimed"]:
        found.append("the ways that draws ended do not add up to all of them")
    return found


def measure(programs: Programs, directory: Path, options: argparse.Namespace) -> list[str]:
    """Measure, print, and return what does not add up."""
    with redirect_stdout(io.StringIO()):  # what the programs print
        exchange = programs.start("simulate", "exchange", "--host", "127.0.0.1", "--port", "0")
        rule = [{"delay_ms": options.delay_ms}] if options.delay_ms else []
        request = urllib.request.Request(
            f"{exchange.address}/behaviour", json.dumps(rule).encode(), method="POST"
        )
        urllib.request.urlopen(request).close()
        hosts = f"localhost:{exchange.address.rpartition(':')[2]}"
        url = f"sqlite:///{directory / 'tocsin.db'}"
        rig = Rig.build(programs, url, directory, TOCSIN_EXCHANGE_HOSTS=hosts)
        task_id, paths = prepare(rig, exchange.address, options)
        rig.leave_web_alone()
        server = rig.server or exchange
        os.sched_setaffinity(server.pid, {0})
        os.sched_setaffinity(0, {1})
        before, begin = cpu_seconds(server.pid), time.perf_counter()
        draws, probes = asyncio.run(storm(server.address, paths, options.seconds, rig.token))
        seconds, spent = time.perf_counter() - begin, cpu_seconds(server.pid) - before
        totals = rig.curl(f"/v1/hood/push-tasks/{task_id}/draws")
    lines = [
        f"{len(draws):,} draws in {seconds:.1f} s, of an exchange that takes {options.delay_ms} ms",
        told("draws", draws),
        told("the API meanwhile", probes),
        f"web process: {spent:.1f} s of CPU, {spent / len(draws) * 1e6:,.0f} us a draw",
        f"ended: { {why: count for why, count in totals['ended'].items() if count} }",
    ]
    print(*lines, sep="\n")
    return faults(totals, options.people)


def main() -> int:
    """Measure once; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--delay-ms", type=int, default=1000)
    parser.add_argument("--timeout-ms", type=int, default=1500)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-draws-") as place,
        Programs.closed_at_end() as programs,
    ):
        wrong = measure(programs, Path(place), options)
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
