"""Where one thing is named in the targeting of another that is in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Mention:
    """An active push task or segment (*what*) that names a thing.

    is_seen: whoever asks sees it; else it is of the root account, and its name is not told.
    """

    what: str
    id: int
    name: str
    is_exclude: bool
    is_seen: bool = True


def mentions_text(mentions: Sequence[Mention]) -> str:
    """Return *mentions* as the words of a sentence: the first few, and how many more."""
    seen = [f"{one.what} {one.id} ({one.name})" for one in mentions if one.is_seen]
    shown = seen[:_MOST_SHOWN] or [f"a {mentions[0].what} of the root account"]
    more = len(mentions) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
