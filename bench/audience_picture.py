"""The growth law of an audience on one picture, from the numbers of bench/audience.py --json.

Run: python bench/audience_picture.py FILE > docs/images/audience-growth.svg

Points are measured, the newest of each kind; lines are what they say of other sizes, by a law of
a constant and a share of each subscriber. Dashed is what nobody measured.
"""
# ruff: noqa: INP001, T201 - a script

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

BILLION: Final = 1e9
WANTED_MS: Final = 500
MACHINE_CORES: Final = 16
MACHINE_GIB: Final = 64
CACHED: Final = 0.75  # of a machine's memory
GIB: Final = 1 << 30
WIDTH, HEIGHT = 960, 560

Rows = Mapping[str, Mapping[str, float]]
Points = list[tuple[float, float]]

STYLE: Final = """
      .paper { fill: #ffffff; }
      .frame { fill: #f6f8fa; stroke: #d0d7de; }
      .grid { stroke: #d0d7de; stroke-width: 0.6; }
      .name { font-weight: 600; fill: #1f2328; }
      .note { fill: #57606a; font-size: 12px; }
      .wanted { stroke: #d4a72c; stroke-width: 1.2; stroke-dasharray: 2 3; }
      .law { fill: none; stroke-width: 1.6; }
      .unseen { stroke-dasharray: 6 5; }
      .a { stroke: #cf222e; } .b { stroke: #0969da; } .c { stroke: #1a7f37; }
      .a-point { fill: #cf222e; } .b-point { fill: #0969da; } .c-point { fill: #1a7f37; }
      .hollow { fill: none; stroke-width: 1.5; }
      @media (prefers-color-scheme: dark) {
        .paper { fill: #0d1117; }
        .frame { fill: #161b22; stroke: #30363d; }
        .grid { stroke: #30363d; }
        .name { fill: #e6edf3; }
        .note { fill: #9198a1; }
        .a { stroke: #ff7b72; } .b { stroke: #58a6ff; } .c { stroke: #3fb950; }
        .a-point { fill: #ff7b72; } .b-point { fill: #58a6ff; } .c-point { fill: #3fb950; }
      }"""


@dataclass(frozen=True)
class Law:
    """What something costs: constant + each * subscribers."""

    constant: float
    each: float

    def at(self, count: float) -> float:
        """Return the cost for *count* subscribers."""
        return self.constant + self.each * count

    @classmethod
    def of(cls, points: Points) -> "Law":
        """Return the law nearest to *points*, by relative error; neither part is negative."""
        weights = [1 / (cost * cost) for _, cost in points]
        total = sum(weights)
        mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
        mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
        spread = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
        if len({x for x, _ in points}) == 1:
            return cls(0.0, mean_y / mean_x)
        along = sum(
            w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True)
        )
        each = max(0.0, along / spread)
        constant = mean_y - each * mean_x
        return cls(constant, each) if constant >= 0 else cls(0.0, mean_y / mean_x)


@dataclass(frozen=True)
class Axis:
    """From values to places on the picture. start, end: places of low and high."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = True

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, at = self.low, self.high, max(value, self.low)
        if self.is_log:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def decades(self) -> Iterator[float]:
        """Yield the powers of ten that it shows."""
        for power in range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1):
            yield 10.0**power


@dataclass(frozen=True)
class Series:
    """One kind of cost: measured points by database."""

    name: str
    colour: str
    points: Mapping[str, Points]


class Runs:
    """What was measured, the newest of each kind."""

    def __init__(self, lines: Iterable[Mapping[str, Any]]) -> None:
        self._rows = {
            (one["stage"], one["database"], one["subscribers"]): one["rows"] for one in lines
        }

    def of(self, stage: str, database: str = "sqlite") -> dict[int, Rows]:
        """Return the rows of a stage by the number of subscribers, the fewest first."""
        found = {
            n: rows for (s, kind, n), rows in self._rows.items() if (s, kind) == (stage, database)
        }
        return dict(sorted(found.items()))

    def largest(self, stage: str) -> tuple[int, Rows]:
        """Return the rows of a stage for the most subscribers."""
        found = self.of(stage)
        if not found:
            raise SystemExit(f"there is no run of {stage} on sqlite in the file")
        return list(found.items())[-1]


def points_of(runs: Runs, stage: str, cost: Any) -> dict[str, Points]:
    """Return what *cost* makes of the rows of a stage, for each database that has some."""
    found = {
        kind: [(float(n), cost(rows)) for n, rows in runs.of(stage, kind).items()]
        for kind in ("sqlite", "postgresql")
    }
    return {kind: points for kind, points in found.items() if points}


def shapes_p95(rows: Rows) -> list[float]:
    """Return the p95 of each of the nine shapes."""
    return [numbers["p95"] for name, numbers in rows.items() if name[0].isdigit()]


def text(x: float, y: float, shown: str, *, kind: str = "note", anchor: str = "start") -> str:
    """Return a line of text."""
    return f'  <text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{shown}</text>'


def polyline(points: Iterable[tuple[float, float]], kind: str) -> str:
    """Return a line through places."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'  <polyline class="law {kind}" points="{path}"/>'


def dot(x: float, y: float, colour: str, *, hollow: bool = False) -> str:
    """Return a measured point."""
    kind = f"hollow {colour}" if hollow else f"{colour}-point"
    return f'  <circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def short(value: float) -> str:
    """Return a number as people say it."""
    for size, sign in ((1e9, " billion"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"


def frame(x: Axis, y: Axis, title: str) -> Iterator[str]:
    """Yield a panel without its lines: its ground, its name, and decades of what is logarithmic."""
    yield (
        f'  <rect class="frame" x="{x.start:.0f}" y="{y.end:.0f}" '
        f'width="{x.end - x.start:.0f}" height="{y.start - y.end:.0f}"/>'
    )
    yield text(x.start, y.end - 10, title, kind="name")
    for at in x.decades() if x.is_log else (1, 5, 10, 15):
        yield f'  <path class="grid" d="M{x(at):.1f} {y.start:.1f}V{y.end:.1f}"/>'
        yield text(x(at), y.start + 16, short(at), anchor="middle")
    for at in y.decades():
        yield f'  <path class="grid" d="M{x.start:.1f} {y(at):.1f}H{x.end:.1f}"/>'
        yield text(
            x.start - 6,
            y(at) + 4,
            f"{short(at)} ms" if at < 1000 else f"{at / 1000:g} s",
            anchor="end",
        )


def main_panel(runs: Runs) -> Iterator[str]:
    """Yield the cost by subscribers, on to a billion."""
    series = (
        Series(
            "slowest of nine shapes, p95",
            "a",
            points_of(runs, "reach", lambda rows: max(shapes_p95(rows))),
        ),
        Series(
            "median of nine shapes, p95",
            "b",
            points_of(runs, "reach", lambda rows: median(shapes_p95(rows))),
        ),
        Series(
            "first parcel after the due instant, slowest median",
            "c",
            points_of(runs, "first-parcel", lambda rows: max(one["p50"] for one in rows.values())),
        ),
    )
    measured = [x for one in series for points in one.points.values() for x, _ in points]
    x = Axis(10 ** math.floor(math.log10(min(measured))), BILLION, 70, 560)
    y = Axis(1, 1e6, 400, 50)
    yield from frame(x, y, "Time on one core, by subscribers")
    yield f'  <path class="wanted" d="M{x.start} {y(WANTED_MS):.1f}H{x.end}"/>'
    yield text(x.end - 6, y(WANTED_MS) - 5, f"{WANTED_MS} ms", anchor="end")
    for row, one in enumerate(series):
        if "sqlite" not in one.points:
            continue
        law, last = Law.of(one.points["sqlite"]), max(n for n, _ in one.points["sqlite"])
        seen = [x.low * (last / x.low) ** (step / 40) for step in range(41)]
        unseen = [last * (BILLION / last) ** (step / 40) for step in range(41)]
        for counts, kind in ((seen, one.colour), (unseen, f"{one.colour} unseen")):
            yield polyline(
                ((x(n), y(law.at(n))) for n in counts if y.low <= law.at(n) <= y.high), kind
            )
        yield dot(x.start + 14, y.end + 18 + 18 * row, one.colour)
        yield text(x.start + 24, y.end + 22 + 18 * row, one.name)
        for kind, points in one.points.items():
            yield from (dot(x(n), y(ms), one.colour, hollow=kind != "sqlite") for n, ms in points)
    yield text(
        x.start, y.start + 36, "full: SQLite; hollow: PostgreSQL; dashed: reckoned, not measured"
    )


def small_panel(
    title: str, lines: Mapping[str, Mapping[str, float]], x: Axis, y: Axis
) -> Iterator[str]:
    """Yield the cost by criteria or items, a colour for each line."""
    yield from frame(x, y, title)
    for colour, (name, series) in zip("abc", lines.items(), strict=False):
        places = [(x(float(count)), y(ms)) for count, ms in series.items()]
        yield polyline(places, colour)
        yield from (dot(*place, colour) for place in places)
        if len(lines) > 1:
            row = "abc".index(colour)
            yield dot(x.start + 12, y.start - 42 + 15 * row, colour)
            yield text(x.start + 20, y.start - 38 + 15 * row, name)


def plan(runs: Runs) -> Iterator[str]:
    """Yield the plan for a billion: each number from the laws above."""
    reach = points_of(runs, "reach", lambda rows: max(shapes_p95(rows)))["sqlite"]
    seconds = Law.of(reach).at(BILLION) / 1000
    count, rows = runs.largest("reach")
    memory = rows["memory"]["bytes per subscriber"] * BILLION / GIB
    disk = runs.largest("size")[1]["all"]["bytes per subscriber"] * BILLION / GIB / 1024
    rate = runs.largest("make")[1]["until the index is true"]["per second"]
    cores = math.ceil(1000 * seconds / WANTED_MS)
    machines = max(math.ceil(cores / MACHINE_CORES), math.ceil(memory / (CACHED * MACHINE_GIB)), 1)
    machine = f"{MACHINE_CORES} cores and {MACHINE_GIB} GiB"
    hours = BILLION / rate / machines / 3600
    said = (
        "A billion, by these laws: shards know nothing of one another, and are dealt to machines",
        f"slowest shape: {seconds:,.1f} s on one core, {WANTED_MS} ms on {cores:,} cores",
        f"every shard in memory: {memory:,.0f} GiB; on the disk: {disk:,.2f} TiB",
        f"{machines:,} machines of {machine}; brought in by a core of each in {hours:,.1f} h",
    )
    yield text(70, 466, said[0], kind="name")
    for row, line in enumerate(said[1:], 1):
        yield text(70, 466 + 22 * row, line)
    yield text(
        WIDTH - 20,
        HEIGHT - 12,
        f"small panels, memory and disk: {count:,} subscribers",
        anchor="end",
    )


def picture(runs: Runs) -> Iterator[str]:
    """Yield the lines of the picture."""
    rows = runs.largest("growth")[1]
    label = "How the cost of an audience grows with subscribers, criteria and items"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="14" role="img" aria-label="{label}">'
    )
    yield f"  <defs>\n    <style>{STYLE}\n    </style>\n  </defs>"
    yield f'  <rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>'
    yield from main_panel(runs)
    criteria, items = (
        {"criteria": rows["criteria"]},
        {n: rows[n] for n in ("users", "remote_users", "countries")},
    )
    for title, lines, x, (start, end) in (
        ("By criteria", criteria, Axis(1, 15, 650, 940, is_log=False), (190, 50)),
        ("By items of one criterion", items, Axis(1, 10_000, 650, 940), (400, 260)),
    ):
        values = [ms for one in lines.values() for ms in one.values()]
        low, high = (
            10.0 ** edge(math.log10(at(values)))
            for edge, at in ((math.floor, min), (math.ceil, max))
        )
        yield from small_panel(title, lines, x, Axis(low, max(high, 10 * low), start, end))
    yield from plan(runs)
    yield "</svg>"


def main(arguments: Sequence[str]) -> None:
    """Print the picture of the runs in a file."""
    if len(arguments) != 1:
        raise SystemExit("say one file: what bench/audience.py wrote with --json")
    lines = Path(arguments[0]).read_text(encoding="utf-8").splitlines()
    print("\n".join(picture(Runs(map(json.loads, lines)))))


if __name__ == "__main__":
    main(sys.argv[1:])
