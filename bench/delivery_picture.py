"""What delivery costs beside other senders on one picture, from bench/delivery.py --json.

Run: python bench/delivery_picture.py FILE > docs/images/delivery.svg
"""
# ruff: noqa: INP001, T201 - a script

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

WIDTH: Final = 960
LEFT: Final = 240
SPAN: Final = 600
ROW: Final = 34
TOP: Final = 62
RATE: Final = "messages per CPU second"
SHARE: Final = ", % of a sender"
NAMES: Final[Mapping[str, str]] = {
    "curve": "the elliptic curve alone",
    "sqlite": "Tocsin, SQLite",
    "postgresql": "Tocsin, PostgreSQL",
    "web-push": "npm web-push",
}
STYLE: Final = """
      .paper { fill: #ffffff; }
      .name { font-weight: 600; fill: #1f2328; }
      .note { fill: #57606a; font-size: 12px; }
      .ours { fill: #1a7f37; } .theirs { fill: #8c959f; } .limit { fill: #d0d7de; }
      .s0 { fill: #1a7f37; } .s1 { fill: #0969da; } .s2 { fill: #bf8700; } .s3 { fill: #cf222e; }
      .s4 { fill: #8250df; } .s5 { fill: #57606a; }
      @media (prefers-color-scheme: dark) {
        .paper { fill: #0d1117; }
        .name { fill: #e6edf3; }
        .note { fill: #9198a1; }
        .ours, .s0 { fill: #3fb950; } .theirs { fill: #6e7681; } .limit { fill: #30363d; }
        .s1 { fill: #58a6ff; } .s2 { fill: #d29922; } .s3 { fill: #ff7b72; }
        .s4 { fill: #bc8cff; } .s5 { fill: #9198a1; }
      }"""


def bars(measured: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield a bar for each side, the fastest first."""
    rates = sorted(((side[RATE], name) for name, side in measured.items()), reverse=True)
    for number, (rate, name) in enumerate(rates):
        y = TOP + number * ROW
        kind = (
            "limit" if name == "curve" else "ours" if name in ("sqlite", "postgresql") else "theirs"
        )
        width = SPAN * rate / rates[0][0]
        yield f'<text class="name" x="{LEFT - 12}" y="{y + 16}" text-anchor="end">'
        yield f"{NAMES.get(name, name)}</text>"
        yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="22" rx="3"/>'
        yield f'<text class="note" x="{LEFT + width + 8:.1f}" y="{y + 16}">{rate:,.0f}</text>'


def stages(side: Mapping[str, float], y: int) -> Iterator[str]:
    """Yield one bar in parts: what a sender does with its time."""
    found = [(key.removesuffix(SHARE), of) for key, of in side.items() if key.endswith(SHARE)]
    yield f'<text class="name" x="{LEFT - 12}" y="{y + 16}" text-anchor="end">'
    yield "a sender&#8217;s time</text>"
    x, legend = float(LEFT), float(LEFT)
    for number, (stage, share) in enumerate(found):
        width = SPAN * share / 100
        yield f'<rect class="s{number}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="22"/>'
        yield f'<rect class="s{number}" x="{legend:.1f}" y="{y + 34}" width="10" height="10"/>'
        words = f"{stage} {share:.0f} %"
        yield f'<text class="note" x="{legend + 15:.1f}" y="{y + 43}">{words}</text>'
        x, legend = x + width, legend + 30 + 6.3 * len(words)


def picture(measured: Mapping[str, Mapping[str, float]]) -> str:
    """Return the whole drawing."""
    below = TOP + ROW * len(measured) + 14
    height = below + 66
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        '     font-family="system-ui, sans-serif" font-size="14" role="img"',
        '     aria-label="Messages per CPU second, beside other senders">',
        f"  <style>{STYLE}\n  </style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        '<text class="name" x="24" y="32" font-size="17">Messages per CPU second,',
        "from the task to the outcomes on the disk</text>",
        *bars(measured),
        *stages(measured["sqlite"], below),
        "</svg>",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(picture(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
