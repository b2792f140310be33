"""Where one thing is named in the targeting of another that is in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Mention:
    """An active push task or segment (*what*) whose targeting names a thing."""

    what: str
    id: int
    name: str
    is_exclude: bool


def mentions_text(mentions: Sequence[Mention]) -> str:
    """Return *mentions* as the words of a sentence: the first few, and how many more."""
    shown = [f"{one.what} {one.id} ({one.name})" for one in mentions[:_MOST_SHOWN]]
    more = len(mentions) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
