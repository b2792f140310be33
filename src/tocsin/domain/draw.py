"""Draws: how a device that was woken by an adex push comes to its messages, and how each is named.

A message's first draw has the path 0. What a draw answers is shown in slots, and a click on what
slot s shows may draw again: the path of that draw, and of the ad itself, is the draw's own with the
hexadecimal digit s + 1 behind it. So a path tells by which clicks it was come to, and every ad and
every draw of a message has one name that nobody needs to hand out.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

FIRST_PATH: Final = 0
FALLBACK_SLOT: Final = 14
"""Where the fallback is shown; ads have the slots from 0 to adex.MOST_MESSAGES - 1."""

MOST_CLICKS: Final = 14
"""How many clicks on ads may follow each other and draw; the next ad's click only opens it."""

_DIGIT_BITS: Final = 4


class DrawRef(NamedTuple):
    """Which draw of which message; or which ad, when the path is that of an ad.

    execution_id, ordinal: of the message, as in its token.
    """

    execution_id: int
    ordinal: int
    path: int


class Why(Enum):
    """How a draw ended. Every draw ends in one of these ways; values are what the book keeps.

    All but FILLED show the fallback at the first draw, and nothing after a click.
    """

    FILLED = "filled"  # at least one ad is shown
    EMPTY = "empty"  # the source had nothing, or nothing at the floor or above
    TIMEOUT = "timeout"  # no whole answer in time
    UNREACHABLE = "unreachable"  # no connection, or cut off
    REFUSED = "refused"  # a status that is no answer: 3xx, 4xx, 5xx
    MALFORMED = "malformed"  # an answer that cannot be read, or must not: HTML, too long, packed
    RESTING = "resting"  # not asked: the source failed too often just now
    SHED = "shed"  # not asked: too many draws at once, or no time was left
    CAPPED = "capped"  # not asked: the zone's draws of the day are used up
    NO_ZONE = "no_zone"  # not asked: there is no such zone
    LOST = "lost"  # the server fell before it knew


UNASKED: Final = frozenset({Why.RESTING, Why.SHED, Why.CAPPED, Why.NO_ZONE})
"""How draws end that asked nobody. A LOST one may have asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ad:
    """One ad as it was taken from an answer: plain text, and URLs of http or https alone.

    id: the source's name for it, empty for none. pixels: what the device calls when it is shown.
    price_micros: the bid, in millionths of the unit that the source bids in; None: it named none.
    """

    id: str
    title: str
    body: str | None
    url: str
    image: str | None = None
    icon: str | None = None
    pixels: tuple[str, ...] = ()
    price_micros: int | None = None


def path_in(path: int, slot: int) -> int:
    """Return the path of what the draw of *path* shows in *slot*."""
    return path << _DIGIT_BITS | slot + 1


def draw_of(path: int) -> int:
    """Return the path of the draw that showed the ad of *path*."""
    return path >> _DIGIT_BITS


def is_fallback(path: int) -> bool:
    """Return whether *path* is that of a fallback which a draw answered."""
    return path & 0xF == FALLBACK_SLOT + 1


def may_draw(path: int) -> bool:
    """Return whether there may be a draw of *path*: not of a fallback's, nor after many clicks."""
    return not is_fallback(path) and path >> (_DIGIT_BITS * MOST_CLICKS) == 0
