"""Good bodies spoilt in every way: no answer is a crash, a hang or of a shape of its own.

bench/fuzz_bodies.py does the same for as long as one likes.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from face import Face, serving

from fuzzing import Wire
from spoiling import message

BODIES = 1500
SEED = 20260205


@pytest.fixture
def face(tmp_path: Path, migrated_url: str) -> Iterator[Face]:
    """Return a face of its own: what is ordered here must not be due in the tests of others."""
    with serving(tmp_path, migrated_url) as face:
        yield face


def test_no_body_breaks_the_door(face: Face) -> None:
    wire = Wire("127.0.0.1", face.port, face.token(face.account()), within=20)
    wire.open_task()
    wrong: dict[int, str] = {}
    statuses: Counter[int] = Counter()
    for number in range(BODIES):
        status, complaint = wire.complaint(message(SEED, number))
        statuses[status] += 1
        if complaint is not None:
            wrong[number] = complaint
    wire.close()

    assert not wrong, "\n".join(f"{number}: {what}" for number, what in wrong.items())
    assert {201, 400, 401, 415} <= statuses.keys(), "the bodies must reach every part of the door"
    assert statuses[201] > BODIES // 20
