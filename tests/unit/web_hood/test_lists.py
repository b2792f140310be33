"""What may be asked of a list, and what is refused."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from tocsin.domain.errors import Invalid
from tocsin.domain.listing import (
    LARGEST_SIZE,
    Condition,
    ListQuery,
    Op,
    Search,
    SortKey,
    folded,
)
from tocsin.web.hood.fields import instant, one_of, text, whole_number
from tocsin.web.hood.lists import ListShape, listed, listing, parameters, read_query

SHAPE = ListShape(
    keys=("id", "name", "note", "status", "secret"),
    only_full=("secret",),
    fields={
        "name": text(most_bytes=20),
        "note": text(most_bytes=20),
        "count": whole_number(0, 2**63 - 1),
        "status": one_of("on", "off"),
        "start_time": instant,
    },
    searched=("name", "note"),
)
NOON = 1_770_289_200_000  # 2026-02-05 11:00:00
OF_NOTHING = ListShape(keys=("id",))


def read(query: str, shape: ListShape = SHAPE) -> ListQuery:
    return read_query(QueryParams(query), shape)


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", (0, 20)),
        ("page=1", (0, 20)),
        ("page=3", (40, 20)),
        ("page=3,50", (100, 50)),
        ("page=2,1", (1, 1)),
        ("page=1,500", (0, 500)),
        ("page=1%2C500", (0, 500)),
        ("page=1000000000,500", (499_999_999_500, 500)),
    ],
)
def test_a_page(query: str, page: tuple[int, int]) -> None:
    found = read(query)

    assert (found.offset, found.limit) == page


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=",
        "page=a",
        "page=1.5",
        "page=1,",
        "page=,5",
        "page=1,0",
        "page=1,501",
        "page=1,2,3",
        "page=1000000001",
        "page=%D9%A3",
        pytest.param("page=" + "9" * 5000, id="more digits than Python reads"),
    ],
)
def test_what_is_no_page(query: str) -> None:
    with pytest.raises(Invalid, match="page: takes N or N,M"):
        read(query)


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("name=a", Condition("name", Op.EQ, ("a",))),
        ("name=", Condition("name", Op.EQ, ("",))),
        ("name=eq:gt:a", Condition("name", Op.EQ, ("gt:a",))),
        ("name=eq:", Condition("name", Op.EQ, ("",))),
        ("name=:a", Condition("name", Op.EQ, (":a",))),
        ("name=Gt:a", Condition("name", Op.EQ, ("Gt:a",))),
        ("name=a,b", Condition("name", Op.EQ, ("a,b",))),
        ("name=in:a,b", Condition("name", Op.IN, ("a", "b"))),
        ("name=nin:a", Condition("name", Op.NIN, ("a",))),
        ("name=lt:a:b", Condition("name", Op.LT, ("a:b",))),
        ("name=neq:%0A", Condition("name", Op.NEQ, ("\n",))),
        ("count=007", None),
        ("count=gte:9223372036854775807", Condition("count", Op.GTE, (2**63 - 1,))),
        ("count=rf:5,5", Condition("count", Op.RF, (5, 5))),
        ("count=is:", Condition("count", Op.IS)),
        ("count=isn:", Condition("count", Op.ISN)),
        ("status=neq:on", Condition("status", Op.NEQ, ("on",))),
        ("start_time=2026-02-05 11:00:00", Condition("start_time", Op.EQ, (NOON,))),
        ("start_time=lte:2026-02-05T12:00:00%2B01:00", Condition("start_time", Op.LTE, (NOON,))),
        (
            "start_time=rl:2026-02-05 11:00:00,2026-02-05 11:00:01",
            Condition("start_time", Op.RL, (NOON, NOON + 1000)),
        ),
    ],
)
def test_a_filter(query: str, condition: Condition | None) -> None:
    if condition is None:
        with pytest.raises(Invalid):
            read(query)
    else:
        assert read(query).conditions == (condition,)


def test_all_filters_must_hold() -> None:
    assert read("count=gt:1&name=a&count=lt:9").conditions == (
        Condition("count", Op.GT, (1,)),
        Condition("count", Op.LT, (9,)),
        Condition("name", Op.EQ, ("a",)),
    )


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        ("", ()),
        ("sort=name", (SortKey("name"),)),
        ("sort=-count,name", (SortKey("count", descending=True), SortKey("name"))),
    ],
)
def test_an_order(query: str, sort: tuple[SortKey, ...]) -> None:
    assert read(query).sort == sort


@pytest.mark.parametrize(
    ("query", "search"),
    [
        ("q=50%25", Search("50%", ("name", "note"))),
        ("q=a&q_fields=note", Search("a", ("note",))),
        ("q=" + "x" * 255, Search("x" * 255, ("name", "note"))),
    ],
)
def test_a_search(query: str, search: Search) -> None:
    assert read(query).search == search


BAD = {
    "sort=": {"sort": "''"},
    "sort=nam": {"sort": "nearest is name"},
    "sort=--name": {"sort": "'-name'"},
    "sort=name,-name": {"sort": "more than once"},
    "sort=name&sort=count": {"sort": "more than once"},
    "sort=" + ",".join(string.ascii_lowercase): {"sort": "more than there is"},
    "page=1&page=2": {"page": "more than once"},
    "view=half": {"view": "default or full"},
    "view=full&view=full": {"view": "more than once"},
    "fields=id,nmae": {"fields": "nearest is name"},
    "fields=": {"fields": "''"},
    "fields=id,id": {"fields": "more than once"},
    "q=": {"q": "1 to 255 bytes"},
    "q=" + "é" * 128: {"q": "1 to 255 bytes"},
    "q=%00": {"q": "NUL"},
    "q=a&q=b": {"q": "more than once"},
    "q=a&q_fields=count": {"q_fields": "nearest is"},
    "q_fields=name": {"q": "is required"},
    "name=%00": {"name": "NUL"},
    "name=like:a": {"name": "no operator 'like': there are eq, neq, .* write eq:like:a$"},
    "name=http://x": {"name": "no operator 'http'"},
    "name=" + "x" * 21: {"name": "21 bytes"},
    "name=in:": {"name": "1 to 100 values"},
    "name=in:a,,b": {"name": "1 to 100 values"},
    "name=in:" + ",".join(map(str, range(101))): {"name": "1 to 100 values"},
    "name=rf:a": {"name": "two ends"},
    "name=r:a,b,c": {"name": "two ends"},
    "name=r:b,a": {"name": "wrong way round"},
    "name=is:a": {"name": "no value after is:"},
    "count=x": {"count": "whole number"},
    "count=gt:": {"count": "whole number"},
    "count=1.5": {"count": "whole number"},
    "count=9223372036854775808": {"count": "0 to 9223372036854775807"},
    "count=in:1,x": {"count": "whole number"},
    "status=maybe": {"status": "one of on, off"},
    "start_time=today": {"start_time": "YYYY-MM-DD"},
    "start_time=2026-02-05T11:00:00": {"start_time": "offset"},
    "statsu=on": {"statsu": "nearest is status"},
    "%00=1": {r"\x00": "not known"},
    "page=0&sort=x&view=1&count=x&name=up:1&other=2": {
        "page": "takes N",
        "sort": "knows no",
        "view": "takes",
        "count": "must be",
        "name": "operator",
        "other": "not known",
    },
}


@pytest.mark.parametrize(("query", "told"), BAD.items(), ids=[query[:40] for query in BAD])
def test_what_is_refused_is_named(query: str, told: dict[str, str]) -> None:
    with pytest.raises(Invalid) as raised:
        read(query)

    faults = {fault.field: fault.message for fault in raised.value.faults}
    assert faults.keys() == told.keys()
    for name, sentence in told.items():
        with pytest.raises(Invalid, match=sentence):
            raise Invalid(tuple(f for f in raised.value.faults if f.field == name))


def test_there_is_an_end_to_the_filters_and_to_the_faults() -> None:
    assert len(read("&".join(["count=gt:1"] * 32)).conditions) == 32
    for query in ("&".join(["count=gt:1"] * 33), "&".join(["count=1"] * 9000)):
        with pytest.raises(Invalid, match="32 filters at most"):
            read(query)
    with pytest.raises(Invalid) as raised:
        read("&".join([*(f"x{n}=1" for n in range(9000)), *["count=x"] * 9000]))
    assert len(raised.value.faults) < 100


@pytest.mark.parametrize("name", ["sort", "q", "q_fields", "name"])
def test_a_list_without_fields_takes_pages_alone(name: str) -> None:
    assert read("page=2&view=full&fields=id", OF_NOTHING).offset == 20
    with pytest.raises(Invalid, match=f"{name}: is not known here"):
        read(f"{name}=1", OF_NOTHING)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*SHAPE.not_filters, *SHAPE.fields]) | st.text(max_size=5),
            st.text(max_size=20)
            | st.from_regex(r"[0-9]{1,12}(,[0-9]{1,4})?", fullmatch=True)
            | st.builds("{}:{}".format, st.sampled_from(list(Op)), st.text("19,-: ", max_size=9)),
        ),
        max_size=4,
    )
)
def test_whatever_is_asked_for_is_a_query_or_invalid(items: list[tuple[str, str]]) -> None:
    try:
        found = read_query(QueryParams(items), SHAPE)
    except Invalid:
        return
    assert 1 <= found.limit <= LARGEST_SIZE
    assert 0 <= found.offset < 2**40
    assert found.offset % found.limit == 0


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ["id", "name", "note", "status"]),
        ("view=default", ["id", "name", "note", "status"]),
        ("view=full", ["id", "name", "note", "status", "secret"]),
        ("fields=status,id", ["id", "status"]),
        ("fields=secret", ["secret"]),
    ],
)
def test_an_item_has_the_keys_that_were_asked_for(query: str, keys: list[str]) -> None:
    item = dict.fromkeys(SHAPE.keys, "x")

    answer = listed(41, iter([item]), read(query), SHAPE)

    assert answer["total"] == 41
    assert [list(shown) for shown in answer["items"]] == [keys]


def test_a_list_says_how_many_there_are() -> None:
    assert listing(41, iter([{"id": "1"}])) == {"total": 41, "items": [{"id": "1"}]}


def test_the_document_names_every_parameter_and_what_it_takes() -> None:
    told = {one.name: one for one in parameters(SHAPE)}

    assert list(told) == ["page", "sort", "q", "q_fields", "fields", "view", *SHAPE.fields]
    assert "one of on, off" in told["status"].description
    assert "RFC 3339" in told["start_time"].description
    assert told["count"].description.endswith("VALUE is a whole number.")
    assert told["name"].description.endswith("VALUE is text.")
    assert {name for name, one in told.items() if one.repeated} == set(SHAPE.fields)
    assert [one.name for one in parameters(OF_NOTHING)] == ["page", "fields", "view"]


@given(before=st.text(), part=st.text(), after=st.text())
def test_a_part_of_a_text_is_a_part_of_it_without_its_case(
    before: str, part: str, after: str
) -> None:
    assert folded(part) in folded(before + part + after)
    assert folded(part) == folded(part.upper())


@pytest.mark.parametrize(
    ("one", "other"),
    [("straße", "STRASSE"), ("STRAẞE", "strasse"), ("ΟΔΟΣ", "οδοσ"), ("οδος", "ΟΔΟΣ"), ("Č", "č")],
)
def test_what_is_the_same_without_its_case(one: str, other: str) -> None:
    assert folded(one) == folded(other)
