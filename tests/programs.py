"""Real programs for process tests: started as a group of their own, always taken down again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

# The line with which `serve` and the simulators announce themselves.
ADDRESS: Final = r"(?P<address>https?://[\w.\-\[\]:]+:\d+)"

# A test run that is itself killed takes its programs along, where the system can do that. It is
# the starting thread whose end counts: start programs from the test's own.
_SETPRIV: Final = shutil.which("setpriv")


class NotReadyError(AssertionError):
    """The program ended, or the time did, before the awaited line."""


class Program:
    """A running program and everything it has printed, both streams in one.

    A context manager: on leaving, whatever lives in its process group is killed.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: int | None = None,
        orphaned: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Start *argv* in a session of its own.

        env: the whole environment, ours if None. user: the id of the account to run as.
        orphaned: the signal that the leader gets when the test run itself is killed.
        """
        account: dict[str, Any] = {}
        if user is not None:
            account = {"user": user, "group": _group_of(user), "extra_groups": []}
        guard = [_SETPRIV, "--pdeathsig", orphaned.name[3:], "--"] if _SETPRIV else []
        self.argv: Final = [str(word) for word in argv]
        self._lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [*guard, *self.argv],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            **account,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def start(
        cls,
        *arguments: str,
        data: Path | None = None,
        env: Mapping[str, str] | None = None,
        ready: str | None = ADDRESS,
        within: float = 30,
    ) -> Self:
        """Return `tocsin ARGUMENTS` running, once a line of its output matches *ready*.

        data: its data directory. env: variables on top of ours; no TOCSIN_ name of ours is
        handed on. ready: None returns at once. within: seconds.
        Raises NotReadyError, with the output so far.
        """
        argv = [sys.executable, "-m", "tocsin", *arguments]
        program = cls(argv, env=environment(data=data, env=env))
        if ready is not None:
            try:
                program.expect(ready, within=within)
            except BaseException:
                program.close()
                raise
        return program

    @property
    def pid(self) -> int:
        """The leader's process id, which is also the id of the group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the leader has not ended."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """Everything printed until now."""
        with self._news:
            return "".join(self._lines)

    @property
    def address(self) -> str:
        """The address that the program announced, such as http://127.0.0.1:8080."""
        return self.expect(ADDRESS, within=0)["address"]

    def expect(self, pattern: str, *, within: float = 30, times: int = 1) -> re.Match[str]:
        """Return the match of *pattern* in the first line, past or coming, that has one.

        within: seconds. times: in which of the lines that have one, from 1.
        Raises NotReadyError, with the output so far.
        """
        seen = found = 0
        until = time.monotonic() + within
        with self._news:
            while True:
                for line in self._lines[seen:]:
                    if match := re.search(pattern, line):
                        found += 1
                        if found == times:
                            return match
                seen = len(self._lines)
                if self._ended:
                    raise NotReadyError(self._story(f"ended without a line like {pattern!r}"))
                if not self._news.wait(max(0, until - time.monotonic())):
                    raise NotReadyError(self._story(f"no line like {pattern!r} in {within} s"))

    def expect_end(self, *, within: float = 30) -> None:
        """Wait until nobody holds the output any more: the leader and all its children ended."""
        self._reader.join(within)
        if self._reader.is_alive():
            raise AssertionError(self._story(f"a child still runs after {within} s"))

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the whole group a signal; a group that has ended is left in peace."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def interrupt_leader(self, number: signal.Signals) -> None:
        """Send a signal to the leader alone, as a service manager does."""
        self._process.send_signal(number)

    def wait(self, *, within: float = 30) -> int:
        """Return the leader's exit status (-N: killed by signal N), its last words read.

        within: seconds. Raises AssertionError when it still runs then.
        """
        try:
            status = self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._story(f"still running after {within} s")) from None
        self._reader.join(0.2)  # a child of the group may still hold the pipe
        return status

    def close(self) -> None:
        """Kill what is left of the group and print the output: pytest shows it on failure."""
        self.kill()
        self._process.wait()
        self.expect_end(within=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        print(self._story("output"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _story(self, what: str) -> str:
        return f"--- {' '.join(self.argv)} (pid {self.pid}): {what}\n{''.join(self._lines)}---"


class Programs:
    """The programs of one test: started like Program, closed together at its end."""

    def __init__(self) -> None:
        self._started: list[Program] = []

    def start(self, *arguments: str, **options: Any) -> Program:
        """Return Program.start(...), kept for the end of the test."""
        return self.keep(Program.start(*arguments, **options))

    def keep(self, program: Program) -> Program:
        """Return *program*, which ends with the others."""
        self._started.append(program)
        return program

    @classmethod
    @contextmanager
    def closed_at_end(cls) -> Iterator[Self]:
        """Yield an empty collection; close the newest first when the block ends."""
        programs = cls()
        try:
            yield programs
        finally:
            for program in reversed(programs._started):
                program.close()


def environment(
    *, data: Path | None = None, env: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment for a program under test: *env* on ours, less its TOCSIN_ names."""
    inherited = {name: value for name, value in os.environ.items() if "TOCSIN_" not in name}
    chosen = {"TOCSIN_DATA": str(data)} if data is not None else {}
    return {**inherited, "PYTHONUNBUFFERED": "1", **chosen, **(env or {})}


def _group_of(user: int) -> int:
    import pwd  # noqa: PLC0415 - only where there are such accounts

    return pwd.getpwuid(user).pw_gid
