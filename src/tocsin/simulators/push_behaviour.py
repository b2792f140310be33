"""Misbehaviour on demand: rules that a test gives, and the choice among them."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, TypeAdapter


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Modulo(_Strict):
    """The subscribers whose number leaves *remainder* when divided by *modulo*."""

    modulo: PositiveInt
    remainder: NonNegativeInt = 0

    def names(self, n: int) -> bool:
        """Return whether subscriber *n* is meant."""
        return n % self.modulo == self.remainder


class Span(_Strict):
    """The subscribers from one number to another, both ends in."""

    first: NonNegativeInt = Field(alias="from")
    last: NonNegativeInt = Field(alias="to")

    def names(self, n: int) -> bool:
        """Return whether subscriber *n* is meant."""
        return self.first <= n <= self.last


class Rule(_Strict):
    """One way to misbehave.

    subscribers: whom it meets, absent = all. times: how often in all, absent = always;
    times_each: how often for one subscriber. answer: the status, absent = the true one; an
    answer of 2xx takes the message, any other does not. retry_after, reason: header and body
    of that answer. delay_ms: before the answer. reset: ``before_answer`` reads and takes the
    message and then resets; ``mid_body`` resets before the body is read, and takes nothing.
    """

    subscribers: Modulo | Span | None = None
    times: PositiveInt | None = None
    times_each: PositiveInt | None = None
    answer: Annotated[int, Field(ge=200, le=599)] | None = None
    retry_after: Annotated[str, Field(pattern=r"^[ -~]*$")] | None = None
    reason: str = ""
    delay_ms: NonNegativeInt = 0
    reset: Literal["before_answer", "mid_body"] | None = None

    @property
    def takes(self) -> bool:
        """Return whether the message is taken when this rule answers."""
        return self.answer is None or self.answer < 300


_RULES = TypeAdapter(list[Rule])


class Behaviour:
    """The rules in force and what is left of them."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._used: Counter[int] = Counter()
        self._used_each: Counter[tuple[int, int]] = Counter()

    def replace(self, document: bytes) -> None:
        """Put the rules of *document*, a JSON list, in the place of the old ones.

        Raises pydantic.ValidationError, a ValueError, that names what is wrong.
        """
        self._rules = _RULES.validate_json(document)
        self._used.clear()
        self._used_each.clear()

    def choose(self, n: int) -> Rule | None:
        """Return the first rule for subscriber *n* that has uses left, and use it once."""
        for index, rule in enumerate(self._rules):
            if rule.subscribers is not None and not rule.subscribers.names(n):
                continue
            if rule.times is not None and self._used[index] >= rule.times:
                continue
            if rule.times_each is not None:
                if self._used_each[index, n] >= rule.times_each:
                    continue
                self._used_each[index, n] += 1
            self._used[index] += 1
            return rule
        return None

    def view(self) -> list[dict[str, object]]:
        """Return the rules in force, each with how often it was used."""
        return [
            {**rule.model_dump(by_alias=True, exclude_unset=True), "used": self._used[index]}
            for index, rule in enumerate(self._rules)
        ]
