"""What draws came to: of a zone by ad and hour, and of a push task in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.book import AdSum, BookRow, DrawnAd, DrawRow, Totals
from tocsin.domain.draw import Why, is_fallback
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.domain.zone import TOTAL, micros_of, micros_text
from tocsin.web.hood.answers import (
    FLAG,
    ID,
    LARGEST_ROW_ID,
    TIME,
    list_schema,
    object_of,
    row_id_in,
)
from tocsin.web.hood.door import Call, Operation
from tocsin.web.hood.fields import (
    Place,
    RefusedError,
    Schema,
    instant,
    nullable,
    reader,
    text,
    whole_number,
)
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query

_MOST_BYTES_OF_AD_ID: Final = 255
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TEXT: Final[Schema] = {"type": "string"}
_AMOUNT: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]+(?:\.[0-9]{1,6})?$",
    "description": "in the unit that the zone bids in: for openrtb US dollars per thousand",
    "examples": ["0.25"],
}
_WHY: Final[Schema] = {"enum": [why.value for why in Why]}


@reader(type="string", pattern=f"^{TOTAL}$", examples=["12.5"])
def total(value: Any, _at: Place) -> int:
    """Return the millionths in a sum of amounts as decimal text."""
    try:
        if isinstance(value, str):
            return micros_of(value, form=TOTAL)
    except ValueError:
        pass
    raise RefusedError('must be text, such as "12.5", with at most six digits after the point')


_SUMS: Final = {
    "won": _COUNT,
    "won_price": _AMOUNT,
    "shown": _COUNT,
    "shown_price": _AMOUNT,
    "clicked": _COUNT,
}
LINE: Final = object_of(task_id=ID, ad_id=_TEXT, hour=TIME, **_SUMS)
_number: Final = whole_number(0, LARGEST_ROW_ID)
SHAPE: Final = ListShape(
    keys=tuple(LINE["properties"]),
    fields={
        "task_id": whole_number(1, LARGEST_ROW_ID),
        "ad_id": text(most_bytes=_MOST_BYTES_OF_AD_ID),
        "hour": instant,
        "won": _number,
        "won_price": total,
        "shown": _number,
        "shown_price": total,
        "clicked": _number,
    },
    searched=("ad_id",),
)
TOTALS: Final = object_of(
    claimed=_COUNT,
    open=_COUNT,
    ended=object_of(**{why.value: _COUNT for why in Why}),
    **_SUMS,
    fallback={**_COUNT, "description": "devices that showed the fallback"},
)
DRAWS: Final[Schema] = {
    "type": "array",
    "description": "of a task that draws",
    "items": object_of(
        at=TIME,
        why={**nullable(_WHY), "description": "how it ended; null while it is open"},
        ads={
            "type": "array",
            "items": object_of(
                id=_TEXT, fallback=FLAG, price=nullable(_AMOUNT), shown=FLAG, clicked=FLAG
            ),
        },
    ),
}


class Book(Protocol):
    """What keeps the book."""

    def of_zone(
        self, scope: Scope, zone_id: int, query: ListQuery
    ) -> tuple[int, Sequence[BookRow]]: ...
    def of_task(self, scope: Scope, task_id: int) -> Totals: ...


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the calls do."""

    book: Book

    async def of_zone(self, call: Call) -> Response:
        query = read_query(call.query, SHAPE)
        zone_id = row_id_in(call, "zone_id", "zone")
        count, found = await run_in_threadpool(self.book.of_zone, call.scope, zone_id, query)
        return JSONResponse(listed(count, map(line_view, found), query, SHAPE))

    async def of_task(self, call: Call) -> Response:
        task_id = row_id_in(call, "task_id", "push task")
        found = await run_in_threadpool(self.book.of_task, call.scope, task_id)
        return JSONResponse(totals_view(found))


def book(service: Book) -> list[Operation]:
    """Return the calls about the book."""
    handlers = _Handlers(service)
    return [
        Operation(
            method="GET",
            path="/v1/hood/zones/{zone_id}/book",
            handle=handlers.of_zone,
            scope="read",
            resource="zones",
            summary="List what a zone's ads came to, by push task and hour of GMT",
            parameters=parameters(SHAPE),
            answer=list_schema(LINE, partial=True),
            refusals=(404,),
        ),
        Operation(
            method="GET",
            path="/v1/hood/push-tasks/{task_id}/draws",
            handle=handlers.of_task,
            scope="read",
            resource="push-tasks",
            summary="Say what the draws of a push task came to",
            answer=TOTALS,
            refusals=(404,),
        ),
    ]


def line_view(row: BookRow) -> dict[str, Any]:
    """Return a line of the book in the API's shape."""
    return {
        "task_id": str(row.line.task_id),
        "ad_id": row.line.ad_id,
        "hour": hood_text(row.line.hour_ms),
        **_sums(row.sum),
    }


def _sums(ads: AdSum) -> dict[str, Any]:
    return {
        "won": ads.won,
        "won_price": micros_text(ads.price_micros),
        "shown": ads.shown,
        "shown_price": micros_text(ads.shown_price_micros),
        "clicked": ads.clicked,
    }


def totals_view(totals: Totals) -> dict[str, Any]:
    """Return what a task's draws came to in the API's shape."""
    return {
        "claimed": totals.claimed,
        "open": totals.open,
        "ended": {why.value: totals.by_why.get(why, 0) for why in Why},
        **_sums(totals.ads),
        "fallback": totals.fallbacks,
    }


def draw_view(row: DrawRow, ads: Sequence[DrawnAd]) -> dict[str, Any]:
    """Return one draw, with what it answered, in the API's shape."""
    return {
        "at": hood_text(row.drawn_ms),
        "why": None if row.why is None else row.why.value,
        "ads": [
            {
                "id": ad.ad_id,
                "fallback": str(int(is_fallback(ad.ref.path))),
                "price": None if ad.price_micros is None else micros_text(ad.price_micros),
                "shown": str(int(ad.shown)),
                "clicked": str(int(ad.clicked)),
            }
            for ad in ads
        ],
    }
