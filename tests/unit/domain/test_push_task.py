"""How the fields of a push task bind one another."""

import pytest

from tocsin.domain.message import Message
from tocsin.domain.push_task import Draft, Status, draft_faults
from tocsin.domain.schedule import IMMEDIATELY, Schedule, Start
from tocsin.domain.targeting import Targeting

NOW = 1_770_289_200_000
WITHOUT_START = "Push task without start_time can not be active."
IN_THE_PAST = "Push task start_time can not be in the past."


@pytest.mark.parametrize(
    ("status", "start", "sentence"),
    [
        pytest.param(Status.ACTIVE, IMMEDIATELY, None, id="active at once"),
        pytest.param(Status.ACTIVE, NOW + 1, None, id="active later"),
        pytest.param(Status.ACTIVE, NOW - 60_000, None, id="a minute of skew is forgiven"),
        pytest.param(Status.ACTIVE, NOW - 60_001, IN_THE_PAST, id="more is not"),
        pytest.param(Status.ACTIVE, 0, IN_THE_PAST, id="1970"),
        pytest.param(Status.ACTIVE, None, WITHOUT_START, id="active, but when"),
        pytest.param(Status.INACTIVE, None, None, id="inactive needs no start"),
        pytest.param(Status.INACTIVE, NOW - 60_001, IN_THE_PAST, id="inactive in the past"),
    ],
)
def test_status_and_start(status: Status, start: Start, sentence: str | None) -> None:
    draft = Draft(
        name="Demo",
        status=status,
        schedule=Schedule(start=start),
        message=Message(title={"en": "Hello"}, body={}, image={}, landing_url="https://e.example/"),
        targeting=Targeting(()),
    )

    faults = draft_faults(draft, now_ms=NOW)

    assert [fault.message for fault in faults] == ([sentence] if sentence else [])
    assert all(fault.field == "start_time" for fault in faults)
