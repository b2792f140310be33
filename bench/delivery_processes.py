"""What the processes of bench/delivery.py use, and which core they may use."""
# ruff: noqa: INP001 - beside a script

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Let what is started in the block run on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(pid: int | None) -> list[int]:
    """Return a process and its descendants; of None there are none."""
    found = [] if pid is None else [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):  # a thread that has ended
                found += map(int, children.read_text().split())
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Return the processor seconds that processes have used, their ended children's too."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError):  # ended meanwhile: its parent has its time now
            line = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
            ticks += sum(map(int, line.rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    """Return the most memory that a process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def role_of(pid: int) -> str:
    """Return what a process of the product does."""
    words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    return words[words.index("--role") + 1] if "--role" in words else "web"


def by_role(pids: Sequence[int]) -> dict[str, float]:
    """Return the processor seconds that the product's processes have used, by what they do."""
    used: dict[str, float] = {}
    for pid in pids:
        used[role_of(pid)] = used.get(role_of(pid), 0.0) + cpu_s([pid])
    return used


def senders_of(pids: Sequence[int]) -> list[int]:
    """Return those of the processes that send."""
    return [pid for pid in pids if role_of(pid) == "sender"]
