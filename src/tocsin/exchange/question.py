"""What a demand source is, what it is asked for one draw, and the request that asks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

FEED: Final = "feed"
OPENRTB: Final = "openrtb"

Headers: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A zone as it is asked: its secrets are open.

    headers: by name in lower case. bid_floor_micros: millionths of the unit that the source bids
    in, None for no floor.
    """

    protocol: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout_ms: int
    bid_floor_micros: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One draw: who is at the device, where the ad is shown, and what is wanted.

    user_agent, address: as the device's request has them. language, page, subscriber_id: None
    when unknown; page is the URL of the host, such as ``https://www.example.com/``. number: the
    most ads. Ids are those that the push task names, decimal text; task_id is its own.
    """

    user_agent: str
    address: str
    language: str | None
    page: str | None
    number: int
    task_id: int
    subscriber_id: str | None = None
    campaign_ids: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    account_ids: tuple[str, ...] = ()
    user_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request; headers are complete lines without line ends."""

    method: str
    url: str
    headers: Headers = field(repr=False)
    body: bytes | None = None


def header_lines(source: Source, ours: Mapping[str, str]) -> Headers:
    """Return the lines of *ours*, by name in lower case, and the source's own, which go first."""
    return tuple(f"{name}: {value}" for name, value in {**ours, **source.headers}.items())


def said(user_data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what *user_data* says: null and empty lists say nothing (contract.md section 2.5)."""
    return {key: value for key, value in user_data.items() if value is not None and value != []}
