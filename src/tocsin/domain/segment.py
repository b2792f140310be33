"""Segments: a targeting under a name, evaluated whenever it is used."""

from dataclasses import dataclass
from typing import Final

from tocsin.domain.targeting import Targeting

MAX_NAME_BYTES: Final = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDraft:
    """A segment as ordered. One that is not active names nobody."""

    name: str
    targeting: Targeting
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(SegmentDraft):
    """A draft that was taken."""

    id: int
    account_id: int
    create_ms: int
    update_ms: int
