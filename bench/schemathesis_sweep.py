"""schemathesis against the served document, with hundreds or thousands of requests per operation.

Run: PYTHONPATH=src python bench/schemathesis_sweep.py [--examples N] [--seed S] [--only REGEX]
     [--database sqlite|postgresql] [-- ARGUMENTS OF `schemathesis run`]
It serves a fresh Tocsin without rate limits that has one of everything. The suite does the same in
short (tests/api/test_api_openapi.py); how schemathesis is called stands in tests/document_sweep.py.
"""
# ruff: noqa: INP001, S603 - a script: nothing imports it, it prints, and starts schemathesis

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "api")]

from face import Face, serving
from things import furnish

from document_sweep import SWEPT, command, configuration
from postgres import running_postgres


@contextmanager
def served(kind: str, data: Path) -> Iterator[Face]:
    """Yield a face on an empty database of *kind*."""
    if kind == "sqlite":
        with serving(data, f"sqlite:///{data / 'tocsin.db'}") as face:
            face.program.upgrade()
            yield face
        return
    with running_postgres() as server, serving(data, server.new_database()) as face:
        face.program.upgrade()
        yield face


def main() -> int:
    """Return what schemathesis returns: 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=500, help="requests per operation")
    parser.add_argument("--seed", type=int, default=1, help="0: always the same, as in the suite")
    parser.add_argument("--only", default=SWEPT, help="a pattern of the paths to be asked")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("arguments", nargs="*", help="more arguments of schemathesis")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        Path(os.devnull).open("w") as nowhere,
        redirect_stderr(nowhere),  # the server's lines, one a refusal
        served(asked.database, Path(directory)) as face,
    ):
        owner = furnish(face, face.account(), 1)
        config = Path(directory) / "schemathesis.toml"
        config.write_text(configuration(owner.ids))
        arguments = [
            f"--max-examples={asked.examples}",
            *(
                [f"--seed={asked.seed}", "--generation-database=none"]
                if asked.seed
                else ["--generation-deterministic"]
            ),
            "--continue-on-failure",
            *asked.arguments,
        ]
        line = command(face.address, owner.token, config, arguments, only=asked.only)
        return subprocess.run(line, cwd=directory, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
