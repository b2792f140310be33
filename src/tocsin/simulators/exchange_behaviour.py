"""Misbehaviour of a demand source on demand: rules that a test gives, and the choice among them."""

from collections import Counter
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    model_validator,
)

FEED: Final = "feed"
OPENRTB: Final = "openrtb"

_MEGABYTE: Final = 1 << 20
_ROUNDING: Final = 1e-9
# What takes the place of the ads, and what alters them: one rule does one of the first, or any of
# the second.
_IN_PLACE: Final = ("answer", "empty", "html", "gzip_bytes", "redirect", "reset")
_ALTERS: Final = ("title_bytes", "landing", "currency", "price", "duplicate_ids")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Modulo(_Strict):
    """The questions whose number leaves *remainder* when divided by *modulo*."""

    modulo: PositiveInt
    remainder: NonNegativeInt = 0


class Drip(_Strict):
    """The body in this many pieces, each so long after the one before it."""

    pieces: Annotated[int, Field(ge=2, le=10_000)]
    every_ms: PositiveInt


class Rule(_Strict):
    """One way to misbehave.

    Whom it meets: protocol; path, such as ``/feed/slow``; questions, by their number; share, the
    part of those met, spread evenly; times, how often in all. Absent = all.

    In place of the ads, at most one: answer, a status with nothing to show; empty, an answer
    without ads; html, a page; gzip_bytes, so many zeros packed; redirect, 302 to a URL; reset of
    the connection. Or the ads altered: title_bytes long; landing, the URL that a click opens;
    currency, of OpenRTB alone, so that such a rule meets no feed question; price, put into the
    JSON as it stands; duplicate_ids. And the answer later: delay_ms, or drip.
    """

    protocol: Literal["feed", "openrtb"] | None = None
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")] | None = None
    questions: Modulo | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    times: PositiveInt | None = None
    answer: Annotated[int, Field(ge=201, le=599)] | None = None
    empty: Literal[True] | None = None
    html: Literal[True] | None = None
    gzip_bytes: Annotated[int, Field(ge=1, le=256 * _MEGABYTE)] | None = None
    redirect: Annotated[str, Field(pattern=r"^[!-~]+$")] | None = None
    reset: Literal[True] | None = None
    title_bytes: Annotated[int, Field(ge=1, le=64 * _MEGABYTE)] | None = None
    landing: str | None = None
    currency: str | None = None
    price: Annotated[str, Field(pattern=r"^[ -~]+$")] | None = None
    duplicate_ids: Literal[True] | None = None
    delay_ms: NonNegativeInt = 0
    drip: Drip | None = None

    @model_validator(mode="after")
    def _does_all_that_it_says(self) -> "Rule":
        in_place = [name for name in _IN_PLACE if getattr(self, name) is not None]
        altered = [name for name in _ALTERS if getattr(self, name) is not None]
        if len(in_place) > 1 or (in_place and altered):
            raise ValueError(f"{' and '.join(in_place + altered)} do not go together")
        if self.drip is not None and self._has_no_body:
            raise ValueError(f"{in_place[0]} and drip do not go together: there is no body")
        if self.currency is not None and self.protocol == FEED:
            raise ValueError("a feed answer has no currency")
        return self

    @property
    def _has_no_body(self) -> bool:
        is_bare = self.answer is not None and self.answer < 400
        return is_bare or self.redirect is not None or self.reset is not None

    def meets(self, protocol: str, path: str, number: int) -> bool:
        """Return whether it is about this question; *number*: from 1."""
        asked_in = OPENRTB if self.currency is not None else self.protocol
        if asked_in not in (None, protocol) or self.path not in (None, path):
            return False
        only = self.questions
        return only is None or number % only.modulo == only.remainder


_RULES = TypeAdapter(list[Rule])


class Behaviour:
    """The rules in force and what is left of them."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._met: Counter[int] = Counter()
        self._used: Counter[int] = Counter()

    def replace(self, document: bytes) -> None:
        """Put the rules of *document*, a JSON list, in the place of the old ones.

        Raises pydantic.ValidationError, a ValueError, that names what is wrong.
        """
        self._rules = _RULES.validate_json(document)
        self._met.clear()
        self._used.clear()

    def choose(self, protocol: str, path: str, number: int) -> Rule | None:
        """Return the first rule for this question that has uses left, and use it once."""
        for index, rule in enumerate(self._rules):
            if not rule.meets(protocol, path, number):
                continue
            if rule.times is not None and self._used[index] >= rule.times:
                continue
            self._met[index] += 1
            if rule.share is not None and not _is_next(self._met[index], rule.share):
                continue
            self._used[index] += 1
            return rule
        return None

    def view(self) -> list[dict[str, object]]:
        """Return the rules in force, each with how often it was used."""
        return [
            {**rule.model_dump(exclude_unset=True), "used": self._used[index]}
            for index, rule in enumerate(self._rules)
        ]


def _is_next(met: int, share: float) -> bool:
    """Return whether number *met* is one of the *share*: of each ten 0.3 takes three."""
    return int(met * share + _ROUNDING) > int((met - 1) * share + _ROUNDING)
