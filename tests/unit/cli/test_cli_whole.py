"""A process of which a thread has ended by an error: it says so, and ends."""

import json
import subprocess
import sys
from typing import Final

FALLING: Final = """
import sys, threading
from types import SimpleNamespace
from tocsin.cli.options import be_whole
from tocsin.telemetry.events import Telemetry
be_whole(SimpleNamespace(telemetry=Telemetry(log_format="json", stream=sys.stdout)))
threading.Thread(target=lambda: {}["canary-secret"], name="sender").start()
threading.Event().wait()
"""


def test_a_thread_that_fails_ends_the_process_with_a_line_in_the_log() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FALLING], capture_output=True, text=True, check=False, timeout=30
    )

    assert ended.returncode == 1
    (line,) = map(json.loads, ended.stdout.splitlines())
    told = (line["event"], line["level"], line["thread"], line["error"])
    assert told == ("thread_failed", "error", "sender", "KeyError")
    assert "canary-secret" not in ended.stdout
