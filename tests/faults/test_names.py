"""Names that cannot be looked up, are looked up slowly, or lead astray (F26)."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from names import Failure, NameServer, asking, name_server
from scene import WITHIN_S, PushService, Scene, assert_everybody

from certificates import Authority
from programs import Program, environment
from rig import until
from tocsin.domain.attempt import Unanswered

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts an /etc/resolv.conf")

HERE: Final = "127.0.0.1"
ASTRAY: Final = "10.0.0.1"
LATE_S: Final = 10.0
EACH: Final = 40
MANY: Final = 600

# What each name is answered with at first, and what a sender then knows of an attempt.
FAULTS: Final[dict[str, tuple[str | Failure, Unanswered]]] = {
    "gone": (Failure.NXDOMAIN, Unanswered.UNREACHABLE),
    "failing": (Failure.SERVFAIL, Unanswered.UNREACHABLE),
    "slow": (HERE, Unanswered.UNREACHABLE),
    "astray": (ASTRAY, Unanswered.FORBIDDEN_ADDRESS),
}
GOOD: Final = "good"


def host(name: str) -> str:
    return f"{name}.push.test"


@dataclass
class Names:
    """A push service under many names, and the numbers of the subscribers behind each."""

    scene: Scene
    service: PushService
    people: dict[str, range]

    def unanswered(self, task_id: int, name: str) -> set[Unanswered | int]:
        """Return what is known of the last attempts to reach those behind a name."""
        (found,) = self.scene.executions(task_id)
        with self.scene.program.store.read() as unit:
            stands = [unit.parcels.of_ordinal(found.execution.id, n) for n in self.people[name]]
        return {one.attempt.answer for one in stands if one is not None and one.attempt.answer}

    def reached(self, name: str) -> set[int]:
        return self.service.lines("subscribers").keys() & set(self.people[name])


@pytest.fixture
def names(scene: Scene, tmp_path: Path) -> Names:
    authority = Authority(tmp_path)
    scene.settings["TOCSIN_CA_FILE"] = authority.ca_file
    pair = str(authority.pair(host("*")))
    service = scene.start_push_service("--tls-cert", pair, "--tls-key", pair)
    service.trust_blindly()
    port = service.origin.rpartition(":")[2]
    people, first = {}, 0
    for name, count in {**dict.fromkeys(FAULTS, EACH), GOOD: MANY}.items():
        scene.push_hosts.append(f"{host(name)}:{port}")
        scene.subscribe(f"https://{host(name)}:{port}", count, first=first)
        people[name] = range(first, first + count)
        first += count
    return Names(scene, service, people)


def start_sender(scene: Scene) -> Program:
    argv = [*asking(scene.directory), sys.executable, "-m", "tocsin", "worker", "--role", "sender"]
    env = environment(data=scene.directory, env=scene.environment)
    sender = scene.programs.keep(Program(argv, env=env))
    sender.expect("started.*role=sender")
    return sender


def test_names_in_trouble_hold_up_no_other_and_are_tried_again(scene: Scene, names: Names) -> None:
    at_first = {host(name): answer for name, (answer, _) in FAULTS.items()}
    with name_server({**at_first, host(GOOD): HERE}) as server:
        server.late_s[host("slow")] = LATE_S
        sender = start_sender(scene)
        task_id = scene.order()

        until(lambda: len(names.reached(GOOD)) == MANY or None, within=LATE_S)
        for name, (_, expected) in FAULTS.items():
            until(lambda name=name: names.unanswered(task_id, name) or None, within=WITHIN_S)
            assert names.unanswered(task_id, name) == {expected}
            assert names.reached(name) == set()
        assert_asked_seldom(server)

        for name in FAULTS:
            server.names[host(name)] = HERE
        server.late_s.clear()
        assert scene.until_over(task_id)["delivered"] == sum(map(len, names.people.values()))
    assert_everybody(names.service, people=range(sum(map(len, names.people.values()))))
    assert sender.running


def assert_asked_seldom(server: NameServer) -> None:
    """See that a name in trouble is asked for once for each message at most, another one once."""
    print(dict(server.asked))
    assert max(server.asked.values()) <= EACH
    assert server.asked[host(GOOD)] == 1
