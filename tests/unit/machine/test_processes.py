"""Processes: the leash to a parent, down which words go, and the end of who is no longer whole."""

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

FALLING: Final = """
import threading
from tocsin.machine.processes import end_with_any_thread
end_with_any_thread(lambda name, error: print(name, repr(error), flush=True))
threading.Thread(target=lambda: {}["key"], name="sender").start()
threading.Event().wait()
"""


def test_an_error_that_ends_a_thread_ends_the_process() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FALLING], capture_output=True, text=True, check=False, timeout=30
    )

    assert (ended.returncode, ended.stdout) == (1, "sender KeyError('key')\n")


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
