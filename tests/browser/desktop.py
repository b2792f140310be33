"""A desktop without a screen: a private D-Bus and its notification service, clicked by the test.

What a person does there reaches the browser as a trusted event, with the right to open a window.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, Any

PYTHON = "/usr/bin/python3"  # of Debian: python3-dbus and python3-gi belong to it
DAEMON = Path(__file__).with_name("notification_daemon.py")
BUS = """<busconfig>
  <type>session</type>
  <listen>unix:dir={directory}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>"""


def is_possible() -> bool:
    """Return whether this machine has a message bus and Debian's bindings to it."""
    if not shutil.which("dbus-daemon") or not Path(PYTHON).exists():
        return False
    probe = subprocess.run([PYTHON, "-c", "import dbus, gi"], capture_output=True, check=False)
    return probe.returncode == 0


@dataclass
class Desktop:
    """What lies on the screen, and a person's hand."""

    address: str
    _commands: IO[str]
    shown: list[dict[str, Any]] = field(default_factory=list)

    def find(self, title: str) -> dict[str, Any] | None:
        """Return the newest notification with *title*, if there is one."""
        return next((each for each in reversed(self.shown) if each["title"] == title), None)

    def click(self, title: str, key: str = "default") -> None:
        """Click the notification's body, or the button with the name *key*."""
        self._obey({"key": key}, title)

    def dismiss(self, title: str) -> None:
        """Close the notification by hand."""
        self._obey({}, title)

    def _obey(self, command: dict[str, str], title: str) -> None:
        notification = self.find(title)
        assert notification, f"{title!r} is not on the screen: {self.shown}"
        self._commands.write(json.dumps({"id": notification["id"], **command}) + "\n")
        self._commands.flush()


@contextmanager
def desktop(directory: Path) -> Iterator[Desktop]:
    """Yield a running desktop whose bus lives in *directory*."""
    config = directory / "bus.conf"
    config.write_text(BUS.format(directory=directory))
    bus_command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"]
    pipe = subprocess.PIPE
    with subprocess.Popen(bus_command, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as bus:
        assert bus.stdout
        address = bus.stdout.readline().strip()
        with subprocess.Popen(
            [PYTHON, DAEMON],
            env={"DBUS_SESSION_BUS_ADDRESS": address},
            stdin=pipe,
            stdout=pipe,
            text=True,
        ) as daemon:
            assert daemon.stdin
            assert daemon.stdout
            assert daemon.stdout.readline() == "{}\n"
            screen = Desktop(address, daemon.stdin)
            reader = Thread(target=_read, args=(daemon.stdout, screen.shown))
            reader.start()
            try:
                yield screen
            finally:
                daemon.stdin.close()
                reader.join()
                bus.terminate()


def _read(lines: IO[str], shown: list[dict[str, Any]]) -> None:
    for line in lines:
        shown.append(json.loads(line))  # noqa: PERF401 - each must be seen when it comes
