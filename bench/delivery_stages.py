"""Where a sender's processor time goes, by looks from outside; for bench/delivery.py."""
# ruff: noqa: INP001, S603 - beside a script, which starts what it says

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOOKS_A_SECOND: Final = 400
STAGES: Final = {
    "encrypt": "encrypt",
    "p256_key": "encrypt",
    "token_bytes": "encrypt",
    "render": "render",
    "mint": "render",
    "submit": "send",
    "wait": "send",
    "headers": "send",
    "_take_answer": "send",
    "value": "send",
    "record": "record",
    "lease": "read",
    "manifests": "read",
    "open_consignment": "read",
    "next_due_ms": "read",
}
"""By the function that is nearest to where the sender is."""

_REST: Final = "drive the sender"


@contextmanager
def watched(py_spy: Path, pid: int, into: Path) -> Iterator[None]:
    """Look at a process during the block; only while it computes."""
    argv = [py_spy, "record", "--pid", str(pid), "--rate", str(LOOKS_A_SECOND), "--nolineno"]
    argv += ["--format", "raw", "--output", into, "--duration", "3600"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as spy:
        try:
            yield
        finally:
            spy.send_signal(signal.SIGINT)
            spy.wait()


def shares(path: Path) -> dict[str, float]:
    """Return each stage's share of the looks that found the sender at work."""
    looks: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        names = [frame.partition(" ")[0].rpartition(".")[2] for frame in stack.split(";")]
        if "turn" not in names:
            continue
        inner = names[names.index("turn") :]
        stage = next((STAGES[name] for name in reversed(inner) if name in STAGES), _REST)
        looks[stage] += int(count)
    whole = sum(looks.values())
    return {stage: count / whole for stage, count in looks.most_common()}
