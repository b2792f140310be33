"""Pages of lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from tocsin.domain.errors import Invalid
from tocsin.web.hood.lists import LARGEST_SIZE, Page, listing, read_page


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", Page(0, 20)),
        ("page=1", Page(0, 20)),
        ("page=3", Page(40, 20)),
        ("page=3,50", Page(100, 50)),
        ("page=2,1", Page(1, 1)),
        ("page=1,500", Page(0, 500)),
        ("page=1%2C500", Page(0, 500)),
        ("page=1000000000,500", Page(499_999_999_500, 500)),
    ],
)
def test_a_page(query: str, page: Page) -> None:
    assert read_page(QueryParams(query)) == page


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
        "page=1&page=2",
        pytest.param("page=" + "9" * 5000, id="more digits than Python reads"),
    ],
)
def test_what_is_no_page(query: str) -> None:
    with pytest.raises(Invalid, match="page: takes N or N,M, once"):
        read_page(QueryParams(query))


def test_every_parameter_that_is_not_supported_is_named() -> None:
    with pytest.raises(Invalid) as raised:
        read_page(QueryParams("sort=-name&page=0&status=1"))

    assert [fault.field for fault in raised.value.faults] == ["sort", "status", "page"]


@given(st.text() | st.from_regex(r"[0-9]{1,12}(,[0-9]{1,4})?", fullmatch=True))
def test_whatever_is_asked_for_is_a_page_or_invalid(text: str) -> None:
    try:
        page = read_page(QueryParams([("page", text)]))
    except Invalid:
        return
    assert 1 <= page.limit <= LARGEST_SIZE
    assert page.offset >= 0
    assert page.offset % page.limit == 0


def test_a_list_says_how_many_there_are() -> None:
    assert listing(41, iter([{"id": "1"}])) == {"total": 41, "items": [{"id": "1"}]}
