"""The judge of calendars itself: what it makes of a planner that was killed."""

from datetime import UTC, datetime

from calendar_judge import Entry, Look, Row, Step, Turn, judge
from walked_slots import DAY_MS, HOUR_MS, Order, at_ms

MORNING_MS = at_ms(datetime(2026, 3, 2, 8, tzinfo=UTC))
NOON_MS = MORNING_MS + 4 * HOUR_MS
LATER_MS = NOON_MS + 6 * HOUR_MS
TOMORROW_MS = NOON_MS + DAY_MS
DAILY = Order(
    name="task 1, version 1",
    start_ms=None,
    end_ms=None,
    frequency_s=None,
    cron="0 12 * * *",
    user_time_zone=False,
    quiet=None,
    ttl_s=3600,
    active=True,
)
BY_CLOCKS = DAILY._replace(user_time_zone=True)


def judged(left_ms: int) -> list[str]:
    """Judge noon of one day, which is dealt with in GMT, and then anew by everybody's clock.

    left_ms: which slot the task has next when the planner that does the second was killed.
    """
    row = Row(NOON_MS, False, None, NOON_MS, DAILY.name, TOMORROW_MS, MORNING_MS)
    log: list[Entry] = [
        Step(1, "create", MORNING_MS, DAILY),
        Turn(NOON_MS, late=False),
        Step(1, "edit", NOON_MS + 1000, BY_CLOCKS),
        Turn(NOON_MS + 1500, late=False, left={1: left_ms}),
        Turn(LATER_MS, late=False),
        Look(1, LATER_MS, 1, TOMORROW_MS, NOON_MS, NOON_MS),
    ]
    return judge(1, log, [row], manual=0)


def test_what_a_killed_planner_did_is_done_though_the_row_is_an_older_one() -> None:
    assert judged(TOMORROW_MS) == []


def test_what_a_killed_planner_did_not_come_to_is_still_due() -> None:
    (fault,) = judged(NOON_MS)

    assert "2026-03-02 12:00:00.000 was slept over" in fault
