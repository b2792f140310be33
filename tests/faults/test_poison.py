"""A recipient whose message ends every process that encrypts it (F10)."""

import os
import random
from pathlib import Path
from signal import SIGKILL, SIGTERM

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from scene import MOST_REPEATED, PEOPLE, WITHIN_S, PushService, Scene, assert_everybody, now_ms

from programs import NotReadyError
from programs import Program as Process
from rig import until
from tocsin.domain.parcel import MOST_RECOVERIES, PARCEL_SIZE
from tocsin.services.commands import CommandService
from tocsin.simulators.virtual_subscribers import VirtualSubscribers
from tocsin.workers.consignment import MOST_IN_CARE

MOST_FALLS = 1 + MOST_RECOVERIES + 3
"""The first falls far from the poison, a careful one comes near, and the last come no further."""


def test_a_parcel_that_fells_every_sender_is_parked_and_everybody_else_is_sent(
    scene: Scene,
) -> None:
    poisoned = random.randrange(PEOPLE)
    print(f"the poison is in the message to subscriber {poisoned}")
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin)
    task_id = scene.order()

    falls, sender = send_until_parked(scene, poisoned)

    others = {n for n in range(PEOPLE) if n // PARCEL_SIZE != poisoned // PARCEL_SIZE}
    until(lambda: others <= got(push_service) or None, within=WITHIN_S)  # they wait for nobody
    assert poisoned not in got(push_service)
    told = scene.start("doctor", ready="set aside for felling its senders")
    assert told.wait() == 1
    assert "when the cause is found, resume their task" in told.output
    sender.interrupt_leader(SIGTERM)
    assert sender.wait() == 0

    scene.start_sender()  # without the poison
    CommandService(scene.program.store).resume(scene.owner.scope, task_id, now_ms=now_ms())
    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert_everybody(push_service, repeated=MOST_REPEATED + falls * MOST_IN_CARE)


def got(push_service: PushService) -> set[int]:
    return set(push_service.lines("subscribers"))


def send_until_parked(scene: Scene, poisoned: int) -> tuple[int, Process]:
    """Start one sender after another; return how many fell, and the one that parked the parcel.

    Ten seconds go by after each fall.
    """
    key = VirtualSubscribers("tocsin").get(poisoned).receiver_key.public_key()
    env = {
        "POISON_P256DH": key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex(),
        "PYTHONPATH": f"{Path(__file__).parent / 'poison'}:{os.environ.get('PYTHONPATH', '')}",
    }
    for falls in range(MOST_FALLS + 1):
        sender = scene.start_sender(**env)
        try:
            sender.expect("parcel_parked")
        except NotReadyError:
            assert sender.wait(within=5) == -SIGKILL
            scene.end_leases()
        else:
            print(f"parked after {falls} falls")
            assert falls > MOST_RECOVERIES
            return falls, sender
    raise AssertionError(f"after {MOST_FALLS} falls the parcel is not parked")
