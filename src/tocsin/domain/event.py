"""What browsers report of a message, and which counters each report raises."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from tocsin.domain.draw import is_fallback

MOST_ACTIONS: Final = 3


class Kind(IntEnum):
    """What is counted: one bit per recipient and kind, so each counts once per message."""

    RECEIVED = 1
    SHOWN = 2
    CLICK = 3  # on the body
    CLOSE = 4
    ANY_CLICK = 5  # on the body or a button: total_click
    FALLBACK = 6  # of a draw that came to nothing; counted in the totals of draws alone
    ACTION_0 = 10
    ACTION_1 = 11
    ACTION_2 = 12


# contract.md 2.5, Events: shown, click, action and close imply received; a click implies shown.
_IMPLIED: Final[Mapping[str, tuple[Kind, ...]]] = {
    "received": (Kind.RECEIVED,),
    "shown": (Kind.RECEIVED, Kind.SHOWN),
    "click": (Kind.RECEIVED, Kind.SHOWN, Kind.ANY_CLICK, Kind.CLICK),
    "action": (Kind.RECEIVED, Kind.SHOWN, Kind.ANY_CLICK),
    "close": (Kind.RECEIVED, Kind.CLOSE),
    "fallback": (Kind.RECEIVED, Kind.SHOWN, Kind.FALLBACK),
}

COUNTER_OF_KIND: Final[Mapping[Kind, str]] = {
    Kind.RECEIVED: "wokenup",
    Kind.SHOWN: "impression",
    Kind.ANY_CLICK: "total_click",
    Kind.CLICK: "click",
    Kind.ACTION_0: "action_0",
    Kind.ACTION_1: "action_1",
    Kind.ACTION_2: "action_2",
    Kind.CLOSE: "close",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One report: of which message, and the kinds that it raises.

    path: of the ad that it is about, as domain.draw has it; None for the message itself.
    """

    execution_id: int
    ordinal: int
    kinds: tuple[Kind, ...]
    path: int | None = None


class FoldKey(NamedTuple):
    """Which bitmap a report falls into: one per execution, kind and shard of ordinals."""

    execution_id: int
    kind: int
    shard: int


def kinds_of(event: str, action: int | None) -> tuple[Kind, ...] | None:
    """Return the kinds that the report *event* raises, None when there is no such report.

    action: the button's number, from 0; only ``action`` has one, and it must.
    """
    if event not in _IMPLIED or (event == "action") != (action is not None):
        return None
    if action is None:
        return _IMPLIED[event]
    if not 0 <= action < MOST_ACTIONS:
        return None
    return (*_IMPLIED[event], Kind(Kind.ACTION_0 + action))


def kinds_of_ad(path: int, event: str, action: int | None) -> tuple[Kind, ...] | None:
    """Return the kinds that a report of the ad of *path* raises for its message; None for none.

    The fallback that a draw answered counts as one when it is shown. That a draw came to nothing
    can be told of the message alone.
    """
    kinds = None if event == "fallback" else kinds_of(event, action)
    if kinds is None or Kind.SHOWN not in kinds or not is_fallback(path):
        return kinds
    return (*kinds, Kind.FALLBACK)
