"""Two years of the calendar, against a judge that shares no code with it.

For a longer life than that of the test run give the number of tasks, and seeds if you like:
``PYTHONPATH=src:tests python tests/conformance/test_conformance_two_years.py 300 7 8 9``.
"""

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from virtual_years import Years

from tocsin.store.engine import Database
from tocsin.store.migrate import upgrade

TASKS: Final = 100
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where there is one, a disk that costs no time


def test_two_years_of_slots_are_each_executed_once_or_missed_for_a_reason(
    migrated_url: str,
) -> None:
    years = Years(migrated_url, tasks=TASKS, seed=random.randrange(2**32))

    faults = years.live_through()

    assert not faults, "\n".join(faults)  # all of it: a seed that fails once is worth every word


def main(tasks: int, seeds: list[int]) -> int:
    """Live through two years with each of the seeds; return how many of them went wrong."""
    wrong = 0
    for seed in seeds:
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as place:
            url = f"sqlite:///{place}/tocsin.db"
            database = Database(url)
            upgrade(database)
            database.close()
            years = Years(url, tasks=tasks, seed=seed)
            faults = years.live_through()
        wrong += bool(faults)
        seconds = time.perf_counter() - begin
        print(
            *faults, f"seed {seed}: {len(faults)} tasks of {tasks} wrong, {seconds:.1f} s", sep="\n"
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), [int(text) for text in sys.argv[2:]] or [0]) > 0)
