"""Spoilt bodies by the hundred thousand, over real connections: nothing may crash, hang or babble.

Run: PYTHONPATH=src python bench/fuzz_bodies.py [--bodies N] [--seed S] [--wires W] [--only NUMBER]
     [--url URL --token TOKEN]
Without --url it serves a fresh Tocsin on SQLite, without rate limits, and looks at it at the end.
The mutations are those of the suite: tests/spoiling.py, which this script imports from there, for
a failure found here is repeated there by its seed and number.
"""
# ruff: noqa: INP001, T201, TID251 - a script: nothing imports it, and it prints what it measured

import argparse
import heapq
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzing import Wire
from programs import Programs
from spoiling import message

WITHIN_S = 10  # that an answer may take
SLOWEST = 5
EVERY_S = 2
MOST_SHOWN = 20


@dataclass
class Tally:
    """What came back, over all wires."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)
    slowest: list[tuple[float, int, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, number: int, kind: str, status: int, complaint: str | None, took: float) -> None:
        """Note one answer. took: seconds."""
        with self.lock:
            self.statuses[status] += 1
            if complaint is not None:
                self.wrong[number] = f"({kind}) {complaint}"
            heapq.heappush(self.slowest, (took, number, kind))
            if len(self.slowest) > SLOWEST:
                heapq.heappop(self.slowest)

    @property
    def done(self) -> int:
        """How many answers came."""
        return sum(self.statuses.values())


def work(wire: Wire, seed: int, numbers: range, tally: Tally) -> None:
    """Send the messages of *numbers* over one wire."""
    wire.open_task()
    for number in numbers:
        sent = message(seed, number)
        began = time.perf_counter()
        status, complaint = wire.complaint(sent)
        tally.add(number, sent.kind, status, complaint, time.perf_counter() - began)
    wire.close()


@contextmanager
def served(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield the address and a token of the server to be asked."""
    if arguments.url:
        yield arguments.url, arguments.token
        return
    unlimited = {"TOCSIN_RATE_BURST": "0", "TOCSIN_RATE_STEADY": "0"}
    with tempfile.TemporaryDirectory() as data, Programs.closed_at_end() as programs:
        server = programs.start("serve", "--port", "0", data=Path(data), env=unlimited, within=60)
        token = server.expect(r"^ +(tocsin_\S+)$")[1]
        yield server.address, token
        crashes = [line for line in server.output.splitlines() if "request_failed" in line]
        print(f"request_failed in the server's log: {len(crashes)}", *crashes[:3], sep="\n")


def main() -> int:
    """Return how many answers were not what the contract allows (at most 1)."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bodies", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wires", type=int, default=4, help="connections at once")
    parser.add_argument("--only", type=int, help="send this one message, and show it")
    parser.add_argument("--url", help="a server that is there already")
    parser.add_argument("--token", default="", help="a token of it that may read and write")
    arguments = parser.parse_args()
    numbers = range(arguments.bodies)
    if arguments.only is not None:
        numbers = range(arguments.only, arguments.only + 1)
        print(message(arguments.seed, arguments.only))
    tally = Tally()
    began = time.perf_counter()
    with served(arguments) as (address, token):
        where = urlsplit(address)
        threads = [
            threading.Thread(
                target=work,
                args=(
                    Wire(where.hostname or "", where.port or 80, token, within=WITHIN_S),
                    arguments.seed,
                    numbers[first :: arguments.wires],
                    tally,
                ),
            )
            for first in range(arguments.wires)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(EVERY_S) if threads[0].is_alive() else time.sleep(EVERY_S)
            rate = tally.done / (time.perf_counter() - began)
            print(f"\r{tally.done:,} of {len(numbers):,}, {rate:,.0f}/s", end="", flush=True)
        print()
    return report(tally, expected=len(numbers), seed=arguments.seed)


def report(tally: Tally, *, expected: int, seed: int) -> int:
    """Print what came back; return 1 when anything was not as it must be, else 0."""
    for status, count in sorted(tally.statuses.items()):
        print(f"{status or 'no answer':>9} {count:9,}")
    print("the slowest:")
    for took, number, kind in sorted(tally.slowest, reverse=True):
        print(f"{took * 1000:9.0f} ms  {number}: {kind}")
    if tally.done < expected:
        print(f"{expected - tally.done:,} were never answered: a wire broke")
    print(f"not as the contract says (seed {seed}): {len(tally.wrong):,}")
    for number, what in list(tally.wrong.items())[:MOST_SHOWN]:
        print(f"  {number}: {what}")
    return 1 if tally.wrong or tally.done < expected else 0


if __name__ == "__main__":
    sys.exit(main())
