"""Hosts on one machine: network namespaces, on two networks of the test's own.

One leads to the database, the other to the push service, so that a host can be cut off from either.
Their addresses are of the range for benchmarks (RFC 2544), which nobody routes.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from programs import Program, Programs, environment
from rig import STARTED, Rig

HOSTS: Final = 3
DATABASE: Final = "database"
PUSH: Final = "push"
LOOPBACK: Final = "127.0.0.1"
_OF: Final = {DATABASE: 18, PUSH: 19}
RELAY: Final = Path(__file__).with_name("relay.py")


def reason_against() -> str | None:
    """Return why there can be no namespaces here; None when there can."""
    if os.geteuid() != 0:
        return "only root makes network namespaces: run the tests as root"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return f"no network namespaces here: {tried.stderr.decode()}" if tried.returncode else None


@dataclass(frozen=True)
class Host:
    """A namespace with a plug in each network. number: from 1, also the end of its addresses."""

    network: "Network"
    number: int

    @property
    def prefix(self) -> list[str]:
        """What comes before a command that is run there."""
        return ["ip", "netns", "exec", self.name]

    @property
    def name(self) -> str:
        return f"{self.network.name}h{self.number}"

    def plug(self, kind: str) -> str:
        """Return the name of the plug in the switch, our end of the cable."""
        return f"{self.network.name}{kind[0]}{self.number}"

    def cut(self, *kinds: str) -> None:
        """Pull plugs out of the switch: whatever is sent vanishes, and neither end is told."""
        for kind in kinds:
            ip("link", "set", self.plug(kind), "nomaster")

    def join(self, *kinds: str) -> None:
        """Put plugs in again."""
        for kind in kinds:
            ip("link", "set", self.plug(kind), "master", self.network.switch(kind))

    def work(self, rig: Rig, role: str) -> Program:
        """Return a worker process of the host, which may not have started yet."""
        own = {"TOCSIN_DATABASE_URL": self.network.seen_from_hosts(rig.database_url)}
        env = environment(data=rig.directory, env={**rig.environment, **own})
        argv = [*self.prefix, sys.executable, "-m", "tocsin", "worker", "--role", role]
        return rig.programs.keep(Program(argv, env=env))


@dataclass(frozen=True)
class Network:
    """Two switches, which this machine has an address at, and the hosts."""

    number: int

    @property
    def name(self) -> str:
        return f"toc{self.number}"

    @property
    def hosts(self) -> list[Host]:
        return [Host(self, number) for number in range(1, HOSTS + 1)]

    def switch(self, kind: str) -> str:
        """Return the name of one of the two switches."""
        return f"{self.name}{kind[0]}"

    def address(self, kind: str, host: int = 0) -> str:
        """Return the address of a host in one of the networks; 0: ours."""
        return f"198.{_OF[kind]}.{self.number}.{host + 1}"

    def seen_from_hosts(self, url: str) -> str:
        """Return how hosts reach the database that we reach on loopback."""
        return url.replace(LOOPBACK, self.address(DATABASE))

    def reach(self, programs: Programs, port: int) -> None:
        """Let what listens on *port* of our loopback be on that of every host, over the wire."""
        ours = self.address(PUSH)
        relays = [_relay(programs, ours, LOOPBACK, port)]
        relays += [_relay(programs, LOOPBACK, ours, port, host.prefix) for host in self.hosts]
        for relay in relays:
            relay.expect("relaying from")


@contextmanager
def made_network() -> Iterator[Network]:
    """Yield switches and hosts, all joined, that are gone when the block ends."""
    free = (number for number in range(256) if not Path(f"/sys/class/net/toc{number}d").exists())
    network = Network(next(free))
    with ExitStack() as stack:
        for kind in (DATABASE, PUSH):
            switch = network.switch(kind)
            ip("link", "add", switch, "type", "bridge")
            stack.callback(ip, "link", "delete", switch)
            ip("address", "add", f"{network.address(kind)}/24", "dev", switch)
            ip("link", "set", switch, "up")
        for host in network.hosts:
            ip("netns", "add", host.name)
            stack.callback(ip, "netns", "delete", host.name)
            ip("-n", host.name, "link", "set", "lo", "up")
            for kind in (DATABASE, PUSH):
                ip("link", "add", host.plug(kind), "type", "veth", "peer", kind, "netns", host.name)
                address = f"{network.address(kind, host.number)}/24"
                ip("-n", host.name, "address", "add", address, "dev", kind)
                ip("-n", host.name, "link", "set", kind, "up")
                ip("link", "set", host.plug(kind), "up")
                host.join(kind)
        yield network


def _relay(
    programs: Programs, here: str, there: str, port: int, prefix: Sequence[str] = ()
) -> Program:
    """Start a relay, in the namespace of *prefix*."""
    return programs.keep(Program([*prefix, sys.executable, str(RELAY), here, there, str(port)]))


def ip(*words: str) -> None:
    """Run ip(8)."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


def await_started(*workers: Program) -> None:
    """Wait until workers are at work."""
    for worker in workers:
        worker.expect(STARTED, within=60)
