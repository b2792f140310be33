"""Amounts to the millionth, and which headers are the sender's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.zone import ZoneDraft, may_be_set, micros_of, micros_text


@pytest.mark.parametrize(
    ("text", "micros", "shown"),
    [
        ("0", 0, "0"),
        ("0.000000", 0, "0"),
        ("0.25", 250_000, "0.25"),
        ("0.250000", 250_000, "0.25"),
        ("0.000001", 1, "0.000001"),
        ("10", 10_000_000, "10"),
        ("100.10", 100_100_000, "100.1"),
        ("999999.999999", 999_999_999_999, "999999.999999"),
    ],
)
def test_an_amount_is_exact(text: str, micros: int, shown: str) -> None:
    assert (micros_of(text), micros_text(micros)) == (micros, shown)


@given(st.integers(0, 999_999_999_999))
def test_whatever_is_shown_is_read_as_the_same(micros: int) -> None:
    assert micros_of(micros_text(micros)) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".5",
        "5.",
        "-0.5",
        "-0",
        "+1",
        "00.5",
        "0.2500000",
        "1000000",
        "1e3",
        "0x1",
        "1,5",
        " 1",
        "1\n",
        "\u0661",
        "NaN",
    ],
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        micros_of(text)


@pytest.mark.parametrize(
    "name", ["host", "content-length", "connection", "transfer-encoding", "te", "proxy-connection"]
)
def test_a_header_that_is_the_senders(name: str) -> None:
    assert not may_be_set(name)


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "cookie", "proxy", "accept"])
def test_a_header_that_may_be_set(name: str) -> None:
    assert may_be_set(name)


def test_no_crash_report_shows_a_value() -> None:
    draft = ZoneDraft(name="n", protocol="feed", url="https://a.example/", headers={"x": "5ecret"})

    assert "5ecret" not in repr(draft)
