"""Push services that refuse connections, answer slowly or cannot be trusted (F21, F22, F25)."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scene import WITHIN_S, PushService, Scene, assert_everybody, now_ms

from certificates import DAY, Authority
from rig import until
from tocsin.domain.attempt import Unanswered
from wires import Wire

ROUNDS: Final = 2
SLOW, REFUSED, GOOD = 200, 40, 600  # of each in each round
SLOW_MS: Final = 3_000


def test_one_that_refuses_and_one_that_is_slow_hold_up_no_other(scene: Scene) -> None:
    good, refused, slow = (scene.start_push_service() for _ in range(3))
    people: dict[str, list[int]] = {good.origin: [], refused.origin: [], slow.origin: []}
    for _ in range(ROUNDS):  # every parcel has some of each
        for one, count in ((slow, SLOW), (refused, REFUSED), (good, GOOD)):
            first = sum(map(len, people.values()))
            scene.subscribe(one.origin, count, first=first)
            people[one.origin] += range(first, first + count)
    good.behave({"delay_ms": 20})
    slow.behave({"delay_ms": SLOW_MS})
    refused.process.kill()
    sender = scene.start_sender()
    begun_ms = now_ms()
    task_id = scene.order()

    good.await_received(ROUNDS * GOOD)
    beside_ms = good.report()["last_ms"] - begun_ms
    waiting = ROUNDS * SLOW - slow.received
    print(f"{waiting} wait for the slow one when all others are served")
    assert waiting > ROUNDS * SLOW / 2
    slow.behave()
    refused = scene.start_push_service(port=refused.origin.rpartition(":")[2])
    assert scene.until_over(task_id)["delivered"] == sum(map(len, people.values()))
    for one in (good, refused, slow):
        assert_everybody(one, people=people[one.origin])

    good.forget()
    begun_ms = now_ms()
    scene.until_over(scene.order())
    alone_ms = good.report()["last_ms"] - begun_ms
    print(f"{beside_ms} ms beside the others, {alone_ms} ms beside nobody in trouble")
    assert sender.running


FLAWS: Final[dict[str, dict[str, Any]]] = {
    "expired": {"life": DAY / 2},
    "of another name": {"name": "other.example"},
    "self-signed": {"self_signed": True},
}
EACH: Final = 40


@dataclass
class Secure:
    """A push service behind TLS, at an address that stays while its certificate changes.

    first: the number of the first of EACH subscribers there.
    """

    scene: Scene
    authority: Authority
    wire: Wire
    first: int
    service: PushService | None = None

    def start(self, **flaw: Any) -> None:
        if self.service is not None:
            self.service.process.kill()
            self.service.process.wait()
        pair = str(self.authority.pair(**flaw))
        files = ("--tls-cert", pair, "--tls-key", pair)
        self.service = self.scene.start_push_service(*files, port=str(self.wire.server[1]))
        self.service.trust_blindly()

    def subscribe(self) -> None:
        host = f"localhost:{self.wire.port}"
        self.scene.push_hosts.append(host)
        self.scene.subscribe(f"https://{host}", EACH, first=self.first)

    def reasons(self, task_id: int) -> set[int]:
        """Return what is known of the last attempts to reach those who are there."""
        (found,) = self.scene.executions(task_id)
        with self.scene.program.store.read() as unit:
            people = range(self.first, self.first + EACH)
            stands = [unit.parcels.of_ordinal(found.execution.id, n) for n in people]
        return {one.attempt.answer for one in stands if one is not None and one.attempt.answer}


def test_one_that_cannot_be_trusted_gets_nothing_until_it_can(scene: Scene, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    scene.settings["TOCSIN_CA_FILE"] = authority.ca_file
    with ExitStack() as stack:
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))  # takes no connection
        ports = [free_port() for _ in FLAWS] + [mute.getsockname()[1]]
        wires = [stack.enter_context(Wire.to("127.0.0.1", port)) for port in ports]
        *flawed, silent = (Secure(scene, authority, w, n * EACH) for n, w in enumerate(wires))
        for one, flaw in zip(flawed, FLAWS.values(), strict=True):
            one.start(**flaw)
        for one in (*flawed, silent):
            one.subscribe()
        scene.start_sender()
        task_id = scene.order()

        for one in flawed:
            until(lambda one=one: one.reasons(task_id) or None, within=WITHIN_S)
            assert one.reasons(task_id) == {Unanswered.NO_TRUST}
            assert one.service is not None
            assert one.service.report()["statuses"] == {}
        print([one.wire.opened for one in (*flawed, silent)], "connections")
        assert max(one.wire.opened for one in (*flawed, silent)) <= EACH, (
            "hardly anybody is tried twice before the break"
        )
        mute.close()
        for one in (*flawed, silent):
            one.start()

        assert scene.until_over(task_id)["delivered"] == (len(FLAWS) + 1) * EACH
        for one in (*flawed, silent):
            assert one.service is not None
            assert_everybody(one.service, people=range(one.first, one.first + EACH))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
