"""What an audience costs: to bring in, to keep, to count, to change and to cut.

Run: PYTHONPATH=src:tests python bench/audience.py all --subscribers 1000000 [--json FILE]

make: import by the real command, reading a pipe that another process fills, and fold. size: bytes
on the disk. reach: nine targetings and everyone, and the memory of the process that counts. growth:
by criteria and by items. first-parcel: from the due instant to the first parcel, by a real planner.
fold: what the indexer's work costs. changes: how fast people change while a planner folds and
another process asks. rebuild: the index made anew; it is not part of all.

With --data a directory is kept, and stages can be run one by one on what make left there; without
it, all leaves nothing. What is measured has the first core; the last has what feeds it, asks beside
it, and PostgreSQL. --json appends one line a stage, which audience_picture.py draws.
"""
# ruff: noqa: INP001, T201, TID251 - a script: nothing imports it, and it prints what it measured

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import audience_asking
import audience_filling
from audience_rig import Bench, FailedError, Rows, opened

from programs import NotReadyError
from tocsin.settings import BadSetting

STAGES: Final[Mapping[str, Callable[[Bench], Rows]]] = {
    "make": audience_filling.make,
    "size": audience_filling.size,
    "reach": audience_asking.reaching,
    "growth": audience_asking.growth,
    "first-parcel": audience_asking.first_parcel,
    "fold": audience_filling.folding,
    "changes": audience_filling.changing,
    "rebuild": audience_filling.rebuild,
}
OF_ALL: Final = [name for name in STAGES if name != "rebuild"]
ASKING: Final = "asking"  # what changes starts beside itself


def show(name: str, rows: Rows) -> None:
    """Print rows; those with the same columns as the one before are a table with it."""
    print(f"\n{name}")
    width = max(map(len, rows))
    before: list[str] = []
    for row, numbers in rows.items():
        if [*numbers] != before:
            before = [*numbers]
            print(" " * width, *(f"{column:>{_wide(column)}}" for column in before), sep="  ")
        shown = (f"{_number(value):>{_wide(column)}}" for column, value in numbers.items())
        print(f"{row:{width}}", *shown, sep="  ")


def _wide(column: str) -> int:
    return max(10, len(column))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def record(bench: Bench, name: str, rows: Rows) -> None:
    """Append what was measured to the file of --json."""
    kept = bench.kept
    line: dict[str, Any] = {
        "stage": name,
        "database": kept.database,
        "subscribers": kept.subscribers,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "cache": bench.options.cache,
        "rows": rows,
    }
    with bench.options.json.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def every_stage(options: argparse.Namespace) -> int:
    """Run each stage in a process of its own, whose memory is its own too."""
    with tempfile.TemporaryDirectory(prefix="tocsin-audience-") as directory:
        os.chmod(directory, 0o711)  # noqa: PTH101, S103 - PostgreSQL's account passes through
        arguments = sys.argv[1:]
        arguments.remove("all")
        if options.data is None:
            arguments += ["--data", directory]
        for name in OF_ALL:
            done = subprocess.run([sys.executable, sys.argv[0], name, *arguments], check=False)  # noqa: S603 - this very script
            if done.returncode:
                return done.returncode
    return 0


def parsed() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=[*STAGES, "all", ASKING])
    parser.add_argument("--subscribers", type=int, default=1_000_000, help="that make brings in")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--data", type=Path, help="directory of the database, which is kept")
    parser.add_argument("--seed", type=int, default=1, help="of the population")
    parser.add_argument("--beside", action="store_true", help="make: fold while people come in")
    parser.add_argument("--alone", action="store_true", help="changes: nobody folds or asks")
    parser.add_argument("--cache", type=int, help="TOCSIN_AUDIENCE_CACHE, in MiB")
    parser.add_argument("--repeats", type=int, default=40, help="of each question")
    parser.add_argument("--seconds", type=float, default=20, help="of each kind of changes")
    parser.add_argument("--json", type=Path, help="append the numbers to this file")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data is None and options.stage != "all":
        parser.error(f"{options.stage} needs --data: the directory of the database")
    return options


def main() -> int:
    """Measure what was asked for; return the exit status."""
    options = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    if options.stage == "all":
        return every_stage(options)
    try:
        with opened(options) as bench:
            if options.stage == ASKING:
                print(json.dumps(audience_asking.ask_until_told(bench)))
                return 0
            rows = STAGES[options.stage](bench)
            kept = bench.kept
            show(f"{options.stage}: {kept.subscribers:,} subscribers, {kept.database}", rows)
            if options.json:
                record(bench, options.stage, rows)
    except (FailedError, NotReadyError, BadSetting, OSError) as error:
        print(f"{options.stage} failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
