"""The short form of bench/delivery.py: the whole way, over TLS and HTTP/2, to a strict service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from programs import environment

TESTS = Path(__file__).parents[1]
BENCH = TESTS.parent / "bench" / "delivery.py"
PEOPLE = 600


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_each_has_one_good_message_over_http_2(tmp_path: Path, database: str) -> None:
    """The benchmark itself fails where somebody was not reached, or a request was not good."""
    numbers = tmp_path / "numbers"
    options = ["--only", database, "--people", str(PEOPLE), "--turns", "1", "--json", str(numbers)]
    env = environment()
    env["PYTHONPATH"] = f"{TESTS}:{env['PYTHONPATH']}" if "PYTHONPATH" in env else str(TESTS)

    done = subprocess.run(
        [sys.executable, str(BENCH), *options],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(numbers.read_text()).keys() == {database}
