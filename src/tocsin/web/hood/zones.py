"""``/v1/hood/zones``."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.domain.zone import (
    DEFAULT_TIMEOUT_MS,
    MAX_DAILY_CAP,
    MAX_NAME_BYTES,
    MAX_TIMEOUT_MS,
    MIN_TIMEOUT_MS,
    PROTOCOLS,
    Zone,
    ZoneDraft,
    micros_text,
)
from tocsin.web.hood.answers import ID, LARGEST_ROW_ID, NUMBER, TIME, object_of
from tocsin.web.hood.door import Operation
from tocsin.web.hood.fields import (
    READ_ONLY,
    Field,
    instant,
    nullable,
    one_of,
    read_body_of,
    text,
    whole_number,
)
from tocsin.web.hood.lists import ListShape
from tocsin.web.hood.patching import merge
from tocsin.web.hood.resource import Resource, five_calls
from tocsin.web.hood.zone_fields import MASK, amount, headers, source

_SHOWN_ONLY: Final = ("id", "account_id", "create_time", "update_time")
ZONE: Final[Mapping[str, Field]] = {
    "name": Field(text(least_bytes=1, most_bytes=MAX_NAME_BYTES), required=True),
    "protocol": Field(one_of(*PROTOCOLS), required=True),
    "url": Field(source, required=True, note="shown to whoever may read: put keys in headers"),
    "timeout_ms": Field(
        whole_number(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS),
        note=f"how long an answer may take; {DEFAULT_TIMEOUT_MS} unless given",
    ),
    "bid_floor": Field(
        amount, note="in the unit that the source bids in: for openrtb US dollars per thousand"
    ),
    "headers": Field(headers()),
    "daily_cap": Field(whole_number(1, MAX_DAILY_CAP), note="draws in a day of GMT; null: any"),
    **dict.fromkeys(_SHOWN_ONLY, READ_ONLY),
}
_VIEW: Final = object_of(
    id=ID,
    account_id=ID,
    name={"type": "string"},
    protocol={"enum": list(PROTOCOLS)},
    url={"type": "string"},
    timeout_ms=NUMBER,
    bid_floor=nullable(amount.schema),
    headers={"type": "object", "additionalProperties": {"const": MASK}},
    daily_cap=nullable(NUMBER),
    create_time=TIME,
    update_time=TIME,
)
SHAPE: Final = ListShape(
    keys=tuple(_VIEW["properties"]),
    fields={
        "id": whole_number(1, LARGEST_ROW_ID),
        "name": text(most_bytes=MAX_NAME_BYTES),
        "protocol": one_of(*PROTOCOLS),
        "create_time": instant,
        "update_time": instant,
    },
    searched=("name",),
)


class Zones(Protocol):
    """What keeps zones."""

    def create(
        self, scope: Scope, draft: ZoneDraft, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Zone]]: ...
    def view(self, scope: Scope, zone_id: int) -> Zone: ...
    def change(
        self, scope: Scope, zone_id: int, edit: Callable[[Zone], ZoneDraft], /, *, now_ms: int
    ) -> None: ...
    def remove(self, scope: Scope, zone_id: int) -> None: ...


def zones(service: Zones) -> list[Operation]:
    """Return the calls of zones."""

    def view(scope: Scope, zone_id: int, _: ListQuery) -> Zone:
        return service.view(scope, zone_id)

    return five_calls(
        Resource(
            name="zones",
            what="zone",
            fields=ZONE,
            item=_VIEW,
            shape=SHAPE,
            example={
                "name": "Example Ads",
                "protocol": "feed",
                "url": "https://ads.example.com/feed",
                "timeout_ms": 300,
                "bid_floor": "0.25",
                "headers": {"Authorization": "Bearer YOUR-KEY"},
                "daily_cap": 100000,
            },
            read_new=_draft,
            read_patch=_patched,
            create=service.create,
            list=service.list,
            view=view,
            change=service.change,
            remove=service.remove,
            shown=zone_view,
            unless="(not while an active push task draws from it)",
        )
    )


def zone_view(zone: Zone) -> dict[str, Any]:
    """Return *zone* as the API shows it: of its headers, the names alone."""
    floor, cap = zone.bid_floor_micros, zone.daily_cap
    return {
        "id": str(zone.id),
        "account_id": str(zone.account_id),
        "name": zone.name,
        "protocol": zone.protocol,
        "url": zone.url,
        "timeout_ms": str(zone.timeout_ms),
        "bid_floor": None if floor is None else micros_text(floor),
        "headers": dict.fromkeys(zone.headers, MASK),
        "daily_cap": None if cap is None else str(cap),
        "create_time": hood_text(zone.create_ms),
        "update_time": hood_text(zone.update_ms),
    }


def _draft(body: dict[str, Any], kept: Mapping[str, int] = MappingProxyType({})) -> ZoneDraft:
    """Return the zone that *body* orders. kept: as for headers. Raises Invalid with every fault."""
    read = read_body_of({**ZONE, "headers": Field(headers(kept))}, body)
    return ZoneDraft(
        name=read["name"],
        protocol=read["protocol"],
        url=read["url"],
        timeout_ms=read.get("timeout_ms", DEFAULT_TIMEOUT_MS),
        bid_floor_micros=read.get("bid_floor"),
        headers=read.get("headers", {}),
        daily_cap=read.get("daily_cap"),
    )


def _patched(zone: Zone, patch: dict[str, Any]) -> ZoneDraft:
    """Return what *patch* leaves of *zone*; it may spell the name of a header as it likes."""
    known = {key: value for key, value in zone_view(zone).items() if key not in _SHOWN_ONLY}
    if isinstance(patch.get("headers"), dict):
        named = {name.lower() for name in patch["headers"]}
        known["headers"] = {name: MASK for name in zone.headers if name not in named}
    return _draft(merge(known, patch), zone.header_bytes)
