"""What can be killed: the processes of one server, or each on its own."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Protocol

from careful_client import WITHIN_S, CarefulClient

from programs import Program
from rig import STARTED, Rig

SENDERS = 3


class Crew(Protocol):
    """The processes of one Tocsin."""

    def victims(self) -> list[str]:
        """Return who may be killed now; *server* is everything."""
        ...

    def kill(self, victim: str) -> None:
        """SIGKILL."""
        ...

    def replace(self, victim: str) -> None:
        """See to it that another is there, or will be; the API is there at once."""
        ...

    def await_all(self) -> None:
        """Wait until all that were started are at work."""
        ...


@dataclass
class Apart:
    """A web process, planners and senders, each a program of its own. For PostgreSQL."""

    rig: Rig
    client: CarefulClient
    workers: dict[str, Program] = field(default_factory=dict)

    def start(self) -> None:
        """Put web, planners and senders in the place of the whole server."""
        server = self.rig.server
        assert server is not None
        server.kill()
        server.expect_end()
        self.replace("web")
        for name in ("planner 1", "planner 2", *(f"sender {n}" for n in range(SENDERS))):
            self._fill(name)

    def victims(self) -> list[str]:
        return ["web", *self.workers]

    def kill(self, victim: str) -> None:
        server = self.rig.server
        assert server is not None
        if victim == "web":
            self.client.is_up.clear()
        fallen = server if victim == "web" else self.workers[victim]
        fallen.kill()
        assert fallen.wait() == -SIGKILL, "it had ended by itself"

    def replace(self, victim: str) -> None:
        if victim == "web":
            self.rig.serve("--role", "web")
            self.client.is_up.set()
        else:
            self._fill(victim)

    def await_all(self) -> None:
        for worker in self.workers.values():
            worker.expect(STARTED, within=WITHIN_S)

    def _fill(self, name: str) -> None:
        self.workers[name] = self.rig.work(name.split(maxsplit=1)[0], wait=False)


@dataclass
class Together:
    """`tocsin serve` with its children: all of them, the parent alone, or a child.

    A parent that is alone killed is no sender's fall: its children end in order.
    """

    rig: Rig
    client: CarefulClient

    def start(self) -> None:
        """Have the server running."""
        self.client.is_up.set()

    def victims(self) -> list[str]:
        """Return each child twice: to start all of them anew takes its time."""
        children = [f"{role} {pid}" for pid, role in self._children().items()]
        return ["server", "parent", *children, *children]

    def kill(self, victim: str) -> None:
        server = self.rig.server
        assert server is not None
        role, _, pid = victim.partition(" ")
        if pid:
            os.kill(int(pid), SIGKILL)
            return
        self.client.is_up.clear()
        if role == "server":
            server.kill()
        else:
            server.interrupt_leader(SIGKILL)
        assert server.wait() == -SIGKILL, "it had ended by itself"

    def replace(self, victim: str) -> None:
        """Start the server again; a child it sees to itself."""
        if " " not in victim:
            self.rig.serve()
            self.client.is_up.set()

    def await_all(self) -> None:
        assert self.rig.server is not None
        for role in ("planner", "sender"):
            self.rig.server.expect(STARTED + role, within=WITHIN_S)

    def _children(self) -> dict[int, str]:
        """Return the process id and the role of each living child of the server."""
        server = self.rig.server
        assert server is not None
        found = {}
        for task in Path(f"/proc/{server.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"--role" in words:  # a child that has ended, or is not one yet, has none
                    found[int(pid)] = words[words.index(b"--role") + 1].decode()
        return found
