"""Accept-Language: the known language that is wanted most."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.accept_language import preferred_language
from tocsin.domain.dictionaries import is_language_tag


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en", "en"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("en;q=0.5, de;q=0.9, fr;q=0.8", "de"),
        ("de;q=0.9,en", "en"),
        pytest.param("fr;q=0.8, de;q=0.8", "fr", id="among equals the first"),
        pytest.param("da, en-gb;q=0.8, en;q=0.7", "da", id="RFC 9110's own"),
        ("EN-us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        pytest.param("en_US", "en-US", id="as some apps write it"),
        pytest.param("iw-IL", "he-IL", id="a withdrawn code"),
        pytest.param("de-DE-u-co-phonebk", "de-DE", id="an extension falls off"),
        pytest.param("*, sr;q=0.1", "sr", id="the wildcard is no language"),
        pytest.param("sr;q=0.1, *;q=0.9", "sr", id="nor when it is wanted more"),
        pytest.param("tlh, xx, hu;q=0.3", "hu", id="languages nobody knows"),
        pytest.param("en;q=0, de;q=0.1", "de", id="refused"),
        pytest.param("en;q=0.000", None, id="refused, and nothing else"),
        pytest.param("en;Q=0.2,de;q=0.3", "de", id="names ignore case"),
        pytest.param("en ;\tq=0.2 , de; q=0.3", "de", id="white space"),
        pytest.param(", ,, en;q=0.2,", "en", id="empty elements"),
        *(
            pytest.param(f"{bad}, hu;q=0.001", "hu", id=f"malformed: {bad}")
            for bad in (
                "en;q=1.1", "en;q=2", "en;q=0.1234", "en;q=-1", "en;q=.5", "en;q=", "en;q",
                "en;", "en;level=1", "en;q=0.9;q=0.8", "en;q=0,9", "en;q=nan", "en;q=1e0",
                "en us", "en!", "-en", "en-", "e\u00f1", "en;q=\u0661", "123", '"en"', "en\x00",
            )
        ),
        ("*", None),
        ("", None),
        ("\ud800", None),
        pytest.param("x" * 300 + ",en;q=0.5," + "de," * 100, "de", id="a long one"),
        pytest.param("tlh," * 127 + "en-GB", None, id="half an element says nothing"),
        pytest.param("tlh," * 126 + "hu, en;q=0.1", "hu", id="nor half a weight"),
        pytest.param("a" * 100_000, None, id="no element at all"),
    ],
)  # fmt: skip
def test_the_language_that_is_wanted_most(header: str, language: str | None) -> None:
    assert preferred_language(header) == language


_ELEMENTS = st.tuples(
    st.sampled_from(["en", "de-AT", "pt-BR", "tlh", "*", "sr-Latn"]), st.integers(0, 1000)
)


@settings(deadline=None)
@given(st.lists(_ELEMENTS, max_size=20))
def test_no_known_language_is_wanted_more(elements: list[tuple[str, int]]) -> None:
    header = ",".join(f"{tag};q={weight / 1000:.3f}" for tag, weight in elements)
    wanted = [(tag, weight) for tag, weight in elements if is_language_tag(tag) and weight]

    found = preferred_language(header)

    most = max((weight for _, weight in wanted), default=None)
    assert found == next((tag for tag, weight in wanted if weight == most), None)


@settings(deadline=None)
@given(st.text() | st.text(alphabet="en-_;q=01., *\t"))
def test_it_never_raises(header: str) -> None:
    found = preferred_language(header)

    assert found is None or is_language_tag(found)
