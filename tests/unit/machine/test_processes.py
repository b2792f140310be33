"""The leash between a process and its parent: words go down it, and its end is the parent's."""

import os
import subprocess
import sys
from typing import Final

from tocsin.machine.processes import Child

FOLLOWING: Final = """
import threading
from tocsin.machine.processes import follow_leash
over = threading.Event()
follow_leash(over.set, told=lambda words: print(*words, flush=True))
over.wait()
print("over")
"""


def test_words_come_one_line_at_a_time_and_the_end_is_noticed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOWING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("calendar parcels\n")
        process.stdin.flush()
        assert process.stdout.readline() == "calendar parcels\n"
        process.stdin.write("executions\n\n")
        process.stdin.close()
        assert process.stdout.read() == "executions\n\nover\n"


def test_who_does_not_listen_holds_nobody_up() -> None:
    child = Child(["simulate", "push-service", "--port", "0"], environment=os.environ)
    try:
        for _ in range(10_000):  # more than a pipe takes
            child.tell(["calendar", "executions", "parcels"])
    finally:
        child.kill()
        child.wait(30)
    child.tell(["calendar"])
