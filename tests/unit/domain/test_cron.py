"""Cron lines: which are taken, which are refused and how, and which slots they name."""

import calendar
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.cron import Cron, CronError, parse_cron, slots_after
from tocsin.domain.instants import LAST_MS, hood_text, parse_instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_MS = 3_600_000
YEAR_MS = 366 * 24 * HOUR_MS


def first_slots(line: str, after: str, how_many: int) -> list[str]:
    cron = parse_cron(line, user_time_zone=False)
    found = islice(slots_after(cron, parse_instant(f"{after}:00")), how_many)
    return [hood_text(slot_ms)[:-3] for slot_ms in found]


@pytest.mark.parametrize(
    ("line", "slots"),
    [  # 2026-02-01 is a Sunday
        pytest.param("30 9 * * *", ["2026-02-01 09:30", "2026-02-02 09:30"], id="daily"),
        pytest.param("5 * * * *", ["2026-02-01 00:05", "2026-02-01 01:05"], id="hourly"),
        pytest.param("0 0 * * *", ["2026-02-02 00:00", "2026-02-03 00:00"], id="strictly after"),
        pytest.param("00 09 1 05 *", ["2026-05-01 09:00", "2027-05-01 09:00"], id="zeros in front"),
        pytest.param("0 9,17 * * *", ["2026-02-01 09:00", "2026-02-01 17:00"], id="a list"),
        pytest.param("0 17,9 * * *", ["2026-02-01 09:00", "2026-02-01 17:00"], id="in any order"),
        pytest.param("0 22-23 * * *", ["2026-02-01 22:00", "2026-02-01 23:00"], id="a range"),
        pytest.param("0 9-9 * * *", ["2026-02-01 09:00", "2026-02-02 09:00"], id="a range of one"),
        pytest.param("0 */12 * * *", ["2026-02-01 12:00", "2026-02-02 00:00"], id="a step"),
        pytest.param("0 */24 * * *", ["2026-02-02 00:00", "2026-02-03 00:00"], id="as long as all"),
        pytest.param("0 9-16/6 * * *", ["2026-02-01 09:00", "2026-02-01 15:00"], id="range, step"),
        pytest.param("0 9-9/6 * * *", ["2026-02-01 09:00", "2026-02-02 09:00"], id="one, step"),
        pytest.param("0 9,20-23/2 * * *", ["2026-02-01 09:00", "2026-02-01 20:00"], id="mixed"),
        pytest.param("0 9 * * 0", ["2026-02-01 09:00", "2026-02-08 09:00"], id="Sunday is 0"),
        pytest.param("0 9 * * 7", ["2026-02-01 09:00", "2026-02-08 09:00"], id="Sunday is 7"),
        pytest.param(
            "0 9 * * 5-7",
            ["2026-02-01 09:00", "2026-02-06 09:00", "2026-02-07 09:00", "2026-02-08 09:00"],
            id="Friday to Sunday",
        ),
        pytest.param("0 9 * * */3", ["2026-02-01 09:00", "2026-02-04 09:00"], id="0, 3, 6"),
        pytest.param("0 9 * * 5-7/2", ["2026-02-01 09:00", "2026-02-06 09:00"], id="5, 7"),
        pytest.param("0 9 31 * *", ["2026-03-31 09:00", "2026-05-31 09:00"], id="long months"),
        pytest.param("0 9 13 * 5", ["2026-02-06 09:00", "2026-02-13 09:00"], id="13 or Friday"),
        pytest.param(
            "0 0 */2 * 5",
            ["2026-02-03 00:00", "2026-02-05 00:00", "2026-02-06 00:00", "2026-02-07 00:00"],
            id="*/2 is set: odd days or Fridays",
        ),
        pytest.param(
            "0 0 20 * */6",
            ["2026-02-07 00:00", "2026-02-08 00:00", "2026-02-14 00:00"],
            id="*/6 is set: Sundays, Saturdays or the 20th",
        ),
        pytest.param("0 0 1-31 * 5", ["2026-02-02 00:00", "2026-02-03 00:00"], id="1-31 is set"),
        pytest.param("0 0 */1 * 5", ["2026-02-02 00:00", "2026-02-03 00:00"], id="*/1 is set"),
        pytest.param("0 0 9 * 0-6", ["2026-02-02 00:00", "2026-02-03 00:00"], id="0-6 is set"),
        pytest.param("0 9 30 2 1", ["2026-02-02 09:00", "2026-02-09 09:00"], id="or Monday: fires"),
        pytest.param("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"], id="a leap day"),
        pytest.param("0 0 30 2,4 *", ["2026-04-30 00:00", "2027-04-30 00:00"], id="April helps"),
    ],
)
def test_a_line_names_its_slots(line: str, slots: list[str]) -> None:
    assert slots == first_slots(line, "2026-02-01 00:00", len(slots))


def test_the_longest_wait_is_over_the_year_2100_which_has_no_leap_day() -> None:
    assert first_slots("0 0 29 2 *", "2096-02-29 00:00", 1) == ["2104-02-29 00:00"]


FITS_DAY = "write *, numbers 1 to 31, a range such as 1-5"
IMPOSSIBLE = (
    "never fires: the first of its days of the month is 30, "
    "and the longest of its months has 29 days"
)
SHAPE = "write minute, hour, day of the month, month and day of the week, such as 30 9 * * 1-5"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        pytest.param("0 9 * * MON", "'MON' has letters, and names, L and W are not", id="MON"),
        pytest.param("0 9 * JAN *", "the month 'JAN' has letters", id="JAN"),
        pytest.param("0 9 * jan-mar *", "the month 'jan-mar' has letters", id="jan-mar"),
        pytest.param("0 9 L * *", "the day of the month 'L' has letters", id="L"),
        pytest.param("0 9 * * 5L", "the day of the week '5L' has letters", id="5L"),
        pytest.param("0 9 15W * *", "the day of the month '15W' has letters", id="W"),
        pytest.param("0 9 * * 1#2", "the day of the week '1#2' has a sign", id="#"),
        pytest.param("0 9 ? * 1", f"'?' has a sign that is not taken: {FITS_DAY}", id="?"),
        pytest.param("@daily", f"is a short form, which is not taken: {SHAPE}", id="@daily"),
        pytest.param("0 22-2 * * *", "'22-2' runs backwards: write 22-23,0-2", id="22-2"),
        pytest.param("0 9 * * 6-1", "'6-1' runs backwards: write 6-7,0-1", id="6-1"),
        pytest.param("0 5/10 * * *", "a step without a range: write 5-23/10 or */10", id="5/10"),
        pytest.param("0 9, * * *", "the hour has an empty item in its list", id="comma at the end"),
        pytest.param("0 ,9 * * *", "the hour has an empty item in its list", id="comma in front"),
        pytest.param("0 9,,17 * * *", "the hour has an empty item", id="two commas"),
        pytest.param("0 9 *,5 * *", "* stands alone and means every one", id="* in a list"),
        pytest.param(" 0 9 * * *", f"a blank missing or too many: {SHAPE}", id="leading blank"),
        pytest.param("0 9 * * * ", "a blank missing or too many", id="trailing blank"),
        pytest.param("0  9 * * *", "a blank missing or too many", id="two blanks"),
        pytest.param("", "a blank missing or too many", id="nothing"),
        pytest.param("0 9 * *", "has 4 fields and not five", id="four fields"),
        pytest.param("0 0 9 * * *", "has 6 fields and not five", id="with seconds"),
        pytest.param("0\t9 * * *", "without tabs", id="tab"),
        pytest.param("0 9 * * *\n", "without tabs", id="line end"),
        pytest.param("0 9 * * 1\u00a0", "in ASCII", id="no-break space"),
        pytest.param("0 \u0669 * * *", "in ASCII", id="Arabic nine"),
        pytest.param("0 \uff19 * * *", "in ASCII", id="full-width nine"),
        pytest.param("0 \u00b2 * * *", "in ASCII", id="superscript two"),
        pytest.param("*/5 9 * * *", "the minute '*/5' must be one number, 0 to 59", id="minutes"),
        pytest.param("* * * * *", "the minute '*' must be one number", id="every minute"),
        pytest.param("0,30 9 * * *", "the minute '0,30' must be one number", id="two minutes"),
        pytest.param("60 9 * * *", "the minute '60' must lie in 0 to 59", id="minute 60"),
        pytest.param("0 24 * * *", "the hour '24' must lie in 0 to 23", id="hour 24"),
        pytest.param("0 9 0 * *", "the day of the month '0' must lie in 1 to 31", id="day 0"),
        pytest.param("0 9 32 * *", "the day of the month '32' must lie in 1 to 31", id="day 32"),
        pytest.param("0 9 * 13 *", "the month '13' must lie in 1 to 12", id="month 13"),
        pytest.param("0 9 * 0 *", "the month '0' must lie in 1 to 12", id="month 0"),
        pytest.param("0 9 * * 8", "the day of the week '8' must lie in 0 to 7", id="weekday 8"),
        pytest.param("0 20-24 * * *", "the hour '20-24' must lie in 0 to 23", id="range too far"),
        pytest.param("0 */0 * * *", "the hour '*/0' must have a step from 1 to 24", id="step 0"),
        pytest.param("0 */25 * * *", "the hour '*/25' must have a step from 1", id="step of 25"),
        pytest.param("0 9/ * * *", "'9/' can not be read: write *, numbers 0 to 23", id="9/"),
        pytest.param("0 1-5-9 * * *", "the hour '1-5-9' can not be read", id="1-5-9"),
        pytest.param("0 */2/2 * * *", "the hour '*/2/2' can not be read", id="*/2/2"),
        pytest.param("0 -1 * * *", "the hour '-1' can not be read", id="-1"),
        pytest.param("0 +1 * * *", "the hour '+1' can not be read", id="+1"),
        pytest.param("0 009 * * *", "the hour '009' can not be read", id="three digits"),
        pytest.param("0 9.5 * * *", "the hour '9.5' can not be read", id="9.5"),
        pytest.param("0 0 30 2 *", IMPOSSIBLE, id="30 February"),
        pytest.param("0 0 31 2-6/2,9,11 *", "never fires", id="31st of short months"),
        pytest.param("0 " + "9," * 50 + "9 * * *", "has 109 characters", id="109 characters"),
        pytest.param("0 " + "1," * 20_000 + "1 * * *", "a cron line has at most 100", id="40 kB"),
    ],
)
def test_a_line_outside_the_dialect_is_refused_with_a_sentence(line: str, sentence: str) -> None:
    with pytest.raises(CronError) as refused:
        parse_cron(line, user_time_zone=False)

    assert sentence in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_line_of_a_hundred_characters_is_taken() -> None:
    line = f"0 {'9,' * 45}17 * * 1"
    assert len(line) == 100

    assert parse_cron(line, user_time_zone=False)
    with pytest.raises(CronError, match="has 101 characters"):
        parse_cron(f"{line}0", user_time_zone=False)


@pytest.mark.parametrize("hour", ["*", "9,17", "9-17", "*/2"])
def test_with_user_time_zone_the_hour_is_one_number_too(hour: str) -> None:
    line = f"0 {hour} * * *"

    assert parse_cron(line, user_time_zone=False)
    with pytest.raises(CronError, match="must be one number, 0 to 23, when user_time_zone is 1"):
        parse_cron(line, user_time_zone=True)
    assert parse_cron("0 9 * * *", user_time_zone=True)


@given(st.text(max_size=120) | st.text("0123456789*,-/ ", max_size=40))
def test_whatever_is_written_is_taken_or_refused_with_a_sentence(line: str) -> None:
    cron, sentence = read(line)

    assert sentence or (cron and next(slots_after(cron, 0), None) is not None)


def read(line: str) -> tuple[Cron | None, str]:
    """Return what was read, or the sentence of the refusal."""
    try:
        return parse_cron(line, user_time_zone=False), ""
    except CronError as refused:
        return None, str(refused)


def items(low: int, high: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    """Draw an element of a field, and what it means by the contract."""
    numbers = st.integers(low, high)
    steps = st.integers(1, high - low)
    pairs = st.tuples(numbers, numbers).map(sorted)
    return st.one_of(
        numbers.map(lambda n: (f"{n}", {n})),
        pairs.map(lambda p: (f"{p[0]}-{p[1]}", set(range(p[0], p[1] + 1)))),
        steps.map(lambda s: (f"*/{s}", set(range(low, high + 1, s)))),
        st.tuples(pairs, steps).map(
            lambda d: (f"{d[0][0]}-{d[0][1]}/{d[1]}", set(range(d[0][0], d[0][1] + 1, d[1])))
        ),
    )


def fields(low: int, high: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    lists = st.lists(items(low, high), min_size=1, max_size=3).map(
        lambda drawn: (
            ",".join(text for text, _ in drawn),
            set().union(*(numbers for _, numbers in drawn)),
        )
    )
    return st.just(("*", set(range(low, high + 1)))) | lists


LINES = st.tuples(
    st.integers(0, 59).map(lambda n: (f"{n}", {n})),
    fields(0, 23),
    fields(1, 31),
    fields(1, 12),
    fields(0, 7),
)


@given(drawn=LINES, after_ms=st.integers(0, 100 * YEAR_MS))
def test_slots_are_those_that_a_walk_through_the_hours_finds(
    drawn: tuple[tuple[str, set[int]], ...], after_ms: int
) -> None:
    (_, minutes), (_, hours), (day, days), (_, months), (weekday, weekdays) = drawn
    cron, sentence = read(" ".join(text for text, _ in drawn))
    if cron is None:
        assert sentence.startswith("never fires")
        assert weekday == "*"
        assert min(days) > max(calendar.monthrange(2024, month)[1] for month in months)
        return

    found = list(islice(slots_after(cron, after_ms), 4))

    walked = []
    wall = EPOCH + timedelta(hours=after_ms // HOUR_MS, minutes=min(minutes))
    while len(walked) < 4 and wall - EPOCH <= timedelta(milliseconds=found[-1]):
        day_fits = wall.day in days
        weekday_fits = bool({wall.isoweekday() % 7, wall.isoweekday()} & weekdays)
        either = day != "*" and weekday != "*"
        fits = (day_fits or weekday_fits) if either else (day_fits and weekday_fits)
        slot_ms = calendar.timegm(wall.timetuple()) * 1000
        if fits and wall.month in months and wall.hour in hours and slot_ms > after_ms:
            walked.append(slot_ms)
        wall += timedelta(hours=1)
    assert found == walked


@pytest.mark.parametrize(
    ("line", "after_ms", "slots"),
    [
        pytest.param("59 23 31 12 *", LAST_MS - HOUR_MS, ["9999-12-31 23:59:00"], id="the last"),
        pytest.param("0 0 * * *", LAST_MS - HOUR_MS, [], id="no further day"),
        pytest.param("0 0 29 2 *", LAST_MS - 3 * YEAR_MS, [], id="no further leap year"),
        pytest.param("0 0 * * *", LAST_MS, [], id="after the last instant"),
        pytest.param("0 0 * * *", 10**18, [], id="far after it"),
    ],
)
def test_slots_end_with_the_year_9999(line: str, after_ms: int, slots: list[str]) -> None:
    cron = parse_cron(line, user_time_zone=False)

    assert slots == [hood_text(slot_ms) for slot_ms in slots_after(cron, after_ms)]


def test_slots_begin_with_the_year_1970() -> None:
    cron = parse_cron("0 0 * * *", user_time_zone=False)

    assert next(slots_after(cron, -(10**18))) == 0


def test_the_milliseconds_before_a_slot_are_before_it() -> None:
    cron = parse_cron("30 9 * * *", user_time_zone=False)
    slot_ms = next(slots_after(cron, 0))

    assert next(slots_after(cron, slot_ms - 1)) == slot_ms
    assert next(slots_after(cron, slot_ms)) == slot_ms + 24 * HOUR_MS
