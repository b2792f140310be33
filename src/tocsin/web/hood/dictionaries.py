"""``/v1/hood/dictionaries/…``: the ids that targeting understands, and what they are called."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.dictionaries import BROWSERS, COUNTRIES, LANGUAGES, OPERATING_SYSTEMS
from tocsin.domain.errors import NotFound
from tocsin.domain.listing import ListQuery, folded
from tocsin.web.hood import answers
from tocsin.web.hood.answers import object_of
from tocsin.web.hood.door import Call, Operation
from tocsin.web.hood.fields import nullable
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query

SHAPE: Final = ListShape(keys=("id", "name"), searched=("name",))
_ENTRY: Final = object_of(id={"type": "string"}, name=nullable({"type": "string"}))
_CLOSED: Final[Mapping[str, Mapping[str, str]]] = {
    "browsers": {str(number): name for number, name in BROWSERS.items()},
    "os": {str(number): name for number, name in OPERATING_SYSTEMS.items()},
    "countries": COUNTRIES,
    "languages": LANGUAGES,
}
_REGIONS: Final = "regions"
NAMES: Final = (*_CLOSED, _REGIONS)


class Regions(Protocol):
    """What knows where the subscribers of an account are."""

    def regions(self, scope: Scope) -> Sequence[str]: ...


def dictionaries(regions: Regions) -> list[Operation]:
    """Return the calls of the dictionaries."""

    async def list_(call: Call) -> Response:
        name = call.path["dictionary"]
        query = read_query(call.query, SHAPE)
        if name in _CLOSED:
            entries: Sequence[tuple[str, str | None]] = list(_CLOSED[name].items())
        elif name == _REGIONS:
            found = await run_in_threadpool(regions.regions, call.scope)
            entries = [(region, None) for region in found]
        else:
            raise NotFound("dictionary", name)
        total, page = _page(entries, query)
        return JSONResponse(listed(total, page, query, SHAPE))

    return [
        Operation(
            method="GET",
            path="/v1/hood/dictionaries/{dictionary}",
            handle=list_,
            scope="read",
            summary="List browsers, os, countries, languages or regions by the ids that targeting "
            "takes; regions are those of the account's subscribers, GeoNames ids without a name",
            resource="dictionaries",
            parameters=parameters(SHAPE),
            answer=answers.list_schema(_ENTRY, partial=True),
            refusals=(404,),
        )
    ]


def _page(
    entries: Sequence[tuple[str, str | None]], query: ListQuery
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many entries have the text that is looked for, and a page of them by name."""
    wanted = folded(query.search.text) if query.search else ""
    found = [(key, name) for key, name in entries if wanted in folded(name or "")]
    found.sort(key=lambda entry: folded(entry[1] or ""))
    page = found[query.offset : query.offset + query.limit]
    return len(found), [{"id": key, "name": name} for key, name in page]
