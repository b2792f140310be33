"""What it costs to send a push task, beside other senders doing the same in the same run.

Run: PYTHONPATH=src:tests python bench/delivery.py [--people 100000] [--only sqlite,web-push] ...

A row is one side: the product on SQLite, on PostgreSQL, with two senders; npm's web-push;
pywebpush's call, with kept connections and without, and its webpush_async; and what the elliptic
curve alone takes. Each sends the same message over TLS to one push service (delivery_sink.mjs),
which checks every request; the product over HTTP/2. A single sender has one core, the push service
and PostgreSQL the other; two senders share both with these. The product's processor time is that of
all its processes, from the post of the task until its execution is done, every outcome on the disk;
the others' is that of their sending alone, without their start. They send to --peer-people, for
their cost is the same for each, and are installed into --peers by npm and pip. --stages says
where a sender's time goes, in a turn of its own. What does not add up is said, and the exit
status is 1 then.
"""
# ruff: noqa: INP001, T201, TID251 - a script: nothing imports it, and it prints what it measured

import argparse
import io
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from delivery_sides import Cost, Sink, curve, install_peers, peer, product
from transport import certificate

SIDES: Final[Mapping[str, Callable[..., Iterator[Cost]]]] = {
    "sqlite": partial(product, "sqlite"),
    "postgresql": partial(product, "postgresql"),
    "sqlite with 2 senders": partial(product, "sqlite", senders=2),
    "postgresql with 2 senders": partial(product, "postgresql", senders=2),
    "curve": curve,
    "web-push": partial(peer, "web-push"),
    "pywebpush": partial(peer, "pywebpush"),
    "pywebpush with a session": partial(peer, "pywebpush with a session"),
    "webpush_async": partial(peer, "webpush_async"),
}


def measure(names: Sequence[str], options: argparse.Namespace) -> dict[str, list[Cost]]:
    """Return what each side cost, time after time; they take turns."""
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))  # what the programs printed
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-delivery-")))
        sink = Sink(certificate(str(home)))
        stack.enter_context(sink.program)
        sides = {}
        for number, name in enumerate(names):
            directory = home / str(number)
            directory.mkdir()
            sides[name] = SIDES[name](sink, directory, options)
            stack.callback(sides[name].close)
        for turn in range(options.turns):
            for name in names:
                costs[name].append(next(sides[name]))
                print(f"turn {turn + 1}, {name}: {told(costs[name][-1])}", file=sys.stderr)
    return costs


def told(cost: Cost) -> str:
    """Return a cost as a line."""
    rest = "".join(f", {name} {value:,.0f}" for name, value in cost.other.items())
    return f"{cost.per_cpu_second:,.0f} per CPU second, {cost.seconds:.1f} s{rest}"


def main() -> None:
    """Measure what was asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--peer-people", type=int, default=3_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default=",".join(name for name in SIDES if "senders" not in name))
    parser.add_argument("--peers", type=Path, default=Path.home() / ".cache/tocsin-bench-peers")
    parser.add_argument("--json", type=Path, help="a file for the figures, for the picture")
    parser.add_argument("--stages", action="store_true", help="say where its time goes")
    options = parser.parse_args()
    names = [name.strip() for name in options.only.split(",")]
    if any(name not in SIDES for name in names):
        parser.error(f"--only takes some of {', '.join(SIDES)}")
    if options.stages or any("push" in name for name in names):
        install_peers(options.peers)
    measured = {name: summed_up(costs) for name, costs in measure(names, options).items()}
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    first = measured[names[0]]["messages per CPU second"]
    for name, figures in measured.items():
        rate = figures["messages per CPU second"]
        print(f"{name}: {names[0]} has {first / rate:.2f} times its messages per CPU second")
        for key, value in figures.items():
            print(f"    {key}: {value:,.1f}")
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")


def summed_up(costs: Sequence[Cost]) -> dict[str, float]:
    """Return the medians of what was measured."""
    return {
        "messages per CPU second": median(cost.per_cpu_second for cost in costs),
        "seconds": median(cost.seconds for cost in costs),
        **{key: median(cost.other[key] for cost in costs) for key in costs[0].other},
    }


if __name__ == "__main__":
    main()
