"""What a report counts for, and when a late slot is still worth sending."""

import pytest

from tocsin.domain.event import COUNTER_OF_KIND, Kind, kinds_of
from tocsin.domain.execution import GRACE_MS, catch_up


@pytest.mark.parametrize(
    ("event", "action", "counters"),
    [
        ("received", None, {"wokenup"}),
        ("shown", None, {"wokenup", "impression"}),
        ("click", None, {"wokenup", "impression", "total_click", "click"}),
        ("action", 0, {"wokenup", "impression", "total_click", "action_0"}),
        ("action", 2, {"wokenup", "impression", "total_click", "action_2"}),
        ("close", None, {"wokenup", "close"}),
    ],
)
def test_a_report_raises_what_it_implies(
    event: str, action: int | None, counters: set[str]
) -> None:
    kinds = kinds_of(event, action)

    assert kinds is not None
    assert {COUNTER_OF_KIND[kind] for kind in kinds} == counters
    assert len(kinds) == len(counters)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("opened", None),
        ("", None),
        ("action", None),
        ("action", -1),
        ("action", 3),
        ("click", 0),
        ("Click", None),
    ],
)
def test_what_is_no_report(event: str, action: int | None) -> None:
    assert kinds_of(event, action) is None


def test_every_kind_is_counted_under_a_name_of_its_own() -> None:
    assert COUNTER_OF_KIND.keys() == set(Kind)
    assert len(set(COUNTER_OF_KIND.values())) == len(Kind)


@pytest.mark.parametrize(
    ("late_ms", "ttl_s", "is_sent"),
    [
        pytest.param(0, 0, True, id="on time"),
        pytest.param(-5000, 0, True, id="ahead of a clock that went back"),
        pytest.param(GRACE_MS, 0, True, id="within the grace, whatever the ttl"),
        pytest.param(GRACE_MS + 1, 0, False, id="too late for a ttl of 0"),
        pytest.param(3_599_999, 3600, True, id="younger than the ttl"),
        pytest.param(3_600_000, 3600, False, id="as old as the ttl: every message has expired"),
    ],
)
def test_a_late_slot(late_ms: int, ttl_s: int, is_sent: bool) -> None:
    assert catch_up(1_000_000, ttl_s=ttl_s, now_ms=1_000_000 + late_ms) is is_sent
