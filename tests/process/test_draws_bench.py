"""The short form of bench/draws.py: an audience draws at once, and the book adds up."""

import subprocess
import sys
from pathlib import Path

from programs import environment

TESTS = Path(__file__).parents[1]
BENCH = TESTS.parent / "bench" / "draws.py"


def test_whoever_draws_is_in_the_book() -> None:
    """The benchmark itself fails where a draw is missing from the book, or is left open."""
    env = environment()
    env["PYTHONPATH"] = f"{TESTS}:{env['PYTHONPATH']}" if "PYTHONPATH" in env else str(TESTS)
    options = ["--people", "400", "--seconds", "1", "--delay-ms", "100"]

    done = subprocess.run(
        [sys.executable, str(BENCH), *options],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "400 draws" in done.stdout
