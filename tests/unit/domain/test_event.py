"""What a report counts for, and when a late slot is still worth sending."""

import pytest

from tocsin.domain.draw import FALLBACK_SLOT, path_in
from tocsin.domain.event import COUNTER_OF_KIND, Kind, kinds_of, kinds_of_ad


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
    assert COUNTER_OF_KIND.keys() == set(Kind) - {Kind.FALLBACK}
    assert len(set(COUNTER_OF_KIND.values())) == len(COUNTER_OF_KIND)


def test_a_fallback_was_received_and_shown() -> None:
    assert kinds_of("fallback", None) == (Kind.RECEIVED, Kind.SHOWN, Kind.FALLBACK)
    assert kinds_of("fallback", 0) is None


def test_a_report_of_an_ad_counts_for_its_message() -> None:
    ad, fallback = path_in(0, 3), path_in(0, FALLBACK_SLOT)

    for event in ("received", "shown", "click", "close"):
        assert kinds_of_ad(ad, event, None) == kinds_of(event, None)
    assert kinds_of_ad(ad, "action", 1) == kinds_of("action", 1)
    assert kinds_of_ad(fallback, "shown", None) == (Kind.RECEIVED, Kind.SHOWN, Kind.FALLBACK)
    assert kinds_of_ad(fallback, "close", None) == (Kind.RECEIVED, Kind.CLOSE)
    for path in (ad, fallback):
        assert kinds_of_ad(path, "fallback", None) is None
        assert kinds_of_ad(path, "opened", None) is None
