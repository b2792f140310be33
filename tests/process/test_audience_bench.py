"""The short form of bench/audience.py: an audience comes in whole, and every shape has some."""

import json
import subprocess
import sys
from pathlib import Path

from programs import environment

BENCH = Path(__file__).parents[2] / "bench" / "audience.py"
COUNT = 2_000


def test_the_audience_comes_in_without_a_refused_line_and_each_shape_means_somebody(
    tmp_path: Path,
) -> None:
    numbers = tmp_path / "numbers"
    options = ["--data", str(tmp_path / "data"), "--json", str(numbers)]

    run("make", "--subscribers", str(COUNT), *options)
    run("reach", "--repeats", "1", *options)

    made, reach = (json.loads(line)["rows"] for line in numbers.read_text().splitlines())
    assert made["import"]["subscribers"] == COUNT
    totals = {name: row["total"] for name, row in reach.items() if "total" in row}
    assert len(totals) == 10
    assert totals["1 one user"] == 1
    assert 0 < min(totals.values()) < max(totals.values()) == totals["everyone"]
    assert "make failed" in run("make", *options, status=1)


def run(*arguments: str, status: int = 0) -> str:
    tests = str(Path(__file__).parents[1])
    env = environment()
    env["PYTHONPATH"] = f"{tests}:{env['PYTHONPATH']}" if "PYTHONPATH" in env else tests
    done = subprocess.run(
        [sys.executable, str(BENCH), *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr
