"""When a push task falls due: its slots, and the wave that a slot becomes in each time zone.

Instants are ms since 1970 UTC. A wall clock's reading is the ms of the instant at which a clock in
GMT reads the same: the slots of a schedule by wall clock are such readings (contract.md 2.5).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from itertools import count, takewhile
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # data, and this one constant

from tocsin.domain.cron import CronError, parse_cron, slots_after
from tocsin.domain.dictionaries import is_time_zone
from tocsin.domain.errors import Fault
from tocsin.domain.instants import LAST_MS, hood_text

IMMEDIATELY: Final = "immediately"
Start: TypeAlias = int | Literal["immediately"] | None  # an instant in ms, now, or not yet said

RULES: Final[str] = tzdata.IANA_VERSION
"""The version of the rules of time zones, such as 2026a; later ones sort after earlier ones."""

FORGIVEN_SKEW_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
# No clock on Earth is set further from GMT than these.
_EAST_MS: Final = 14 * _HOUR_MS
_WEST_MS: Final = 12 * _HOUR_MS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOUR_CENTURIES_MS: Final = 146_097 * _DAY_MS


@dataclass(frozen=True, slots=True)
class QuietTime:
    """The local hours in which nobody is disturbed: 0-23, from included, to not, and differing."""

    from_hour: int
    to_hour: int

    def holds(self, hour: int) -> bool:
        """Return whether the local *hour* is quiet; the interval may wrap over midnight."""
        return (hour - self.from_hour) % 24 < (self.to_hour - self.from_hour) % 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a task is to be executed, read and in bounds field by field (contract.md 2.1).

    start: with user_time_zone, a date is a wall clock's reading. end_ms: an instant.
    """

    start: Start = None
    end_ms: int | None = None
    frequency_s: int | None = None
    cron: str | None = None
    user_time_zone: bool = False
    quiet_time: QuietTime | None = None

    @property
    def repeats(self) -> bool:
        """Whether there may be more slots than one."""
        return self.frequency_s is not None or self.cron is not None

    @property
    def by_wall_clock(self) -> bool:
        """Whether slots are readings of each recipient's clock; otherwise they are instants."""
        return self.user_time_zone and (self.start != IMMEDIATELY or self.cron is not None)


def slots(schedule: Schedule, *, anchor_ms: int, after_ms: int | None) -> Iterator[int]:
    """Return the slots of *schedule* strictly after *after_ms*, ascending; None: from the first.

    anchor_ms: the start, or for ``immediately`` the instant at which the task became active. They
    end where no zone reaches a slot by the schedule's end, and with the year 9999. Raises
    CronError for a line that schedule_faults refuses.
    """
    from_ms = anchor_ms if after_ms is None else max(anchor_ms, after_ms + 1)
    return takewhile(
        lambda slot_ms: _begins(schedule, slot_ms), _slots(schedule, anchor_ms, from_ms)
    )


def _slots(schedule: Schedule, anchor_ms: int, from_ms: int) -> Iterator[int]:
    if schedule.cron is not None:
        cron = parse_cron(schedule.cron, user_time_zone=schedule.user_time_zone)
        return slots_after(cron, from_ms - 1)
    if schedule.frequency_s is not None:
        step_ms = schedule.frequency_s * 1000
        # Counted from the anchor and rounded up, so nothing adds up over the years.
        return count(from_ms + (anchor_ms - from_ms) % step_ms, step_ms)
    return iter([anchor_ms] if from_ms <= anchor_ms else [])


def _begins(schedule: Schedule, slot_ms: int) -> bool:
    """Return whether some zone reaches the slot while there is time."""
    return slot_ms <= LAST_MS and acts_at_ms(schedule, slot_ms) <= _last_ms(schedule)


def _last_ms(schedule: Schedule) -> int:
    """Return the last instant at which anything may be sent."""
    return LAST_MS if schedule.end_ms is None else schedule.end_ms


def acts_at_ms(schedule: Schedule, slot_ms: int) -> int:
    """Return the instant at which the first zone reaches the slot: the planner's moment."""
    return slot_ms - _EAST_MS if schedule.by_wall_clock else slot_ms


def latest_ms(schedule: Schedule, slot_ms: int) -> int:
    """Return the instant at which the last zone reaches the slot."""
    return slot_ms + _WEST_MS if schedule.by_wall_clock else slot_ms


@dataclass(frozen=True, slots=True, order=True)
class Wave:
    """The recipients who are sent at at_ms, where clocks then are offset_s ahead of GMT."""

    offset_s: int
    at_ms: int


def wave_of(
    schedule: Schedule,
    time_zone: str | None,
    *,
    slot_ms: int,
    next_slot_ms: int | None,
    active_ms: int,
) -> Wave | None:
    """Return the wave of the slot for people in *time_zone*; an unknown zone is GMT.

    None: they are suppressed, because their next execution is due no later than this one would
    be sent, or because that is after the schedule's end. The first happens in quiet time, where
    a zone was past both slots when the task became active (at active_ms), and where both lie in
    one gap of its clocks: never two at once.
    """
    if not schedule.user_time_zone and schedule.quiet_time is None:
        return Wave(0, slot_ms) if slot_ms <= _last_ms(schedule) else None
    zone = _zone(time_zone)
    at_ms = _planned_ms(schedule, zone, slot_ms, active_ms)
    if schedule.quiet_time is not None:
        at_ms = _quiet_end_ms(schedule.quiet_time, zone, at_ms)
    next_ms = overtaken_ms(schedule, time_zone, next_slot_ms=next_slot_ms, active_ms=active_ms)
    if next_ms is not None and next_ms <= at_ms:
        return None
    if at_ms > _last_ms(schedule):
        return None
    return Wave(_offset_ms(zone, at_ms) // 1000, at_ms)


def overtaken_ms(
    schedule: Schedule, time_zone: str | None, *, next_slot_ms: int | None, active_ms: int
) -> int | None:
    """Return when the next slot comes for people in *time_zone*, None when there is none.

    Whatever they are sent of the slot before is sent until then.
    """
    if next_slot_ms is None:
        return None
    return _planned_ms(schedule, _zone(time_zone), next_slot_ms, active_ms)


def waves(
    schedule: Schedule,
    time_zones: Iterable[str],
    *,
    slot_ms: int,
    next_slot_ms: int | None,
    active_ms: int,
) -> dict[str, Wave | None]:
    """Return wave_of for each of *time_zones*, by its name; the empty name is an unknown zone."""
    return {
        name: wave_of(
            schedule, name, slot_ms=slot_ms, next_slot_ms=next_slot_ms, active_ms=active_ms
        )
        for name in time_zones
    }


def offset_text(offset_s: int) -> str:
    """Return *offset_s* as ``+05:30``; seconds, which no clock of today has, are cut off."""
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    return f"{'-' if offset_s < 0 else '+'}{hours:02}:{minutes:02}"


def _planned_ms(schedule: Schedule, zone: tzinfo, slot_ms: int, active_ms: int) -> int:
    """Return when the slot falls due in *zone*, quiet time aside."""
    if not schedule.by_wall_clock:
        return slot_ms
    return max(_first_reading_ms(zone, slot_ms), active_ms)


def _first_reading_ms(zone: tzinfo, wall_ms: int) -> int:
    """Return the first instant at which clocks in *zone* read *wall_ms*, or else have skipped it.

    PEP 495: the first of two readings has fold 0; in a gap, fold 0 is the offset before it.
    """
    wall = _moment(wall_ms)
    before_ms = (wall - wall.replace(tzinfo=zone)) // timedelta(milliseconds=1)
    reading_ms = wall_ms - before_ms
    after_ms = _offset_ms(zone, reading_ms)
    if after_ms == before_ms:
        return reading_ms
    return _change_ms(zone, wall_ms - after_ms, reading_ms)


def _quiet_end_ms(quiet: QuietTime, zone: tzinfo, at_ms: int) -> int:
    """Return the first instant not before *at_ms* whose local hour is not quiet.

    Clocks may be set in quiet time: each turn goes to its end by the offset in force, or to the
    change of the offset where that comes first.
    """
    while True:
        offset_ms = _offset_ms(zone, at_ms)
        wall_ms = at_ms + offset_ms
        if not quiet.holds(wall_ms // _HOUR_MS % 24):
            return at_ms
        end_ms = at_ms + (quiet.to_hour * _HOUR_MS - wall_ms) % _DAY_MS
        same = _offset_ms(zone, end_ms) == offset_ms
        at_ms = end_ms if same else _change_ms(zone, at_ms, end_ms)


def _change_ms(zone: tzinfo, low_ms: int, high_ms: int) -> int:
    """Return the instant after *low_ms*, not after *high_ms*, at which clocks in *zone* are set.

    Clocks are set once in between: no zone has done it twice in a day since 1970.
    """
    before_ms = _offset_ms(zone, low_ms)
    seconds = range(low_ms // 1000 + 1, high_ms // 1000 + 1)
    first = bisect_left(
        seconds, True, key=lambda second: _offset_ms(zone, second * 1000) != before_ms
    )
    return seconds[first] * 1000


def _offset_ms(zone: tzinfo, instant_ms: int) -> int:
    """Return how far clocks in *zone* are ahead of GMT at an instant."""
    moment = _moment(instant_ms)
    return (moment.astimezone(zone).replace(tzinfo=UTC) - moment) // timedelta(milliseconds=1)


def _moment(ms: int) -> datetime:
    """Return *ms* in GMT, around the year 9999 four centuries earlier.

    The calendar of datetime ends there, and the rules of clocks repeat with it every 400 years.
    """
    if ms > LAST_MS - _FOUR_CENTURIES_MS:
        ms -= _FOUR_CENTURIES_MS
    return _EPOCH + timedelta(milliseconds=ms)


def _zone(name: str | None) -> tzinfo:
    return _loaded(name) if name and is_time_zone(name) else UTC


@cache
def _loaded(name: str) -> ZoneInfo:
    """Return the zone *name* as the tzdata package has it, whatever the system has."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def schedule_faults(schedule: Schedule, *, now_ms: int) -> list[Fault]:
    """Return where the fields of *schedule* do not go together, or not with the present instant.

    A start by wall clock is compared by what its zones make of it: it is past when the last zone
    has passed it, and after the end when the first zone reaches it later. Anything else would
    refuse what somebody can still be sent. Sentences that end in a full stop are the vendor's.
    """
    faults = []
    if schedule.cron is not None:
        if schedule.frequency_s is not None:
            faults.append(
                Fault("cron", "can not stand beside frequency: give the one or the other")
            )
        try:
            parse_cron(schedule.cron, user_time_zone=schedule.user_time_zone)
        except CronError as error:
            faults.append(Fault("cron", str(error)))
    start = schedule.start
    if isinstance(start, int) and latest_ms(schedule, start) < now_ms - FORGIVEN_SKEW_MS:
        faults.append(Fault("start_time", "Push task start_time can not be in the past."))
    begin_ms = acts_at_ms(schedule, start) if isinstance(start, int) else now_ms
    if start is not None and schedule.end_ms is not None and schedule.end_ms < begin_ms:
        sentence = "Push task end_time can not be set to date before start_time."
        faults.append(Fault("end_time", sentence))
    return faults


def warnings(schedule: Schedule, *, anchor_ms: int) -> list[tuple[str, str]]:
    """Return what is allowed but hardly meant, as (code, sentence); anchor_ms as for slots."""
    if next(slots(schedule, anchor_ms=anchor_ms, after_ms=None), None) is not None:
        return []
    endless = replace(schedule, end_ms=None)
    first_ms = next(slots(endless, anchor_ms=anchor_ms, after_ms=None), None)
    if first_ms is None or schedule.end_ms is None:
        return [("no_execution", "the schedule has no slot before the end of the year 9999")]
    end, slot = hood_text(schedule.end_ms), hood_text(first_ms)
    clock = "of the recipient's clock, in any time zone" if schedule.by_wall_clock else "GMT"
    sentence = (
        f"the end_time lies before the first slot: the task ends at {end} GMT, "
        f"and its first slot is at {slot} {clock}"
    )
    return [("no_execution", sentence)]
