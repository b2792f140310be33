"""Groups of containers, and groups of host names: what targeting may name as one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_NAME_BYTES: Final = 255
MAX_DESCRIPTION_BYTES: Final = 1000
MAX_ITEMS: Final = 1000


class Kind(StrEnum):
    """What a group is made of, by the name of its kind in targeting."""

    CONTAINERS = "groups"
    HOSTS = "application_groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDraft:
    """A group as ordered. items: the ids of containers, or host names in lower case, as text."""

    name: str
    color: str | None = None
    description: str | None = None
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(GroupDraft):
    """A draft that was taken. items have no order of their own: they come sorted."""

    id: int
    account_id: int
    create_ms: int
    update_ms: int
